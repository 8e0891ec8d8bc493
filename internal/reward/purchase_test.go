package reward

func (r *Referee) purchase(id string) *Purchase {
	for i := range r.Purchases {
		if r.Purchases[i].ID == id {
			return &r.Purchases[i]
		}
	}
	return nil
}
