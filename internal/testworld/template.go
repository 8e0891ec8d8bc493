package testworld

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Template is a database to copy from, in a fraction of the time that it took to fill it.
type Template struct {
	database *Database
	once     sync.Once
	err      error
}

// Template returns the template of this key, made at its first use: a new database that fill has
// filled, typically with the migrated schema. fill must close its connections; no connection to the
// template is made afterwards.
func (p *Postgres) Template(ctx context.Context, key string, fill func(context.Context, *Database) error) (*Template, error) {
	value, _ := p.templates.LoadOrStore(key, &Template{})
	template, ok := value.(*Template)
	if !ok {
		return nil, fmt.Errorf("template %s is a %T", key, value)
	}
	template.once.Do(func() { template.err = p.fill(ctx, template, fill) })
	if template.err != nil {
		return nil, fmt.Errorf("while making the template database %s: %w", key, template.err)
	}
	return template, nil
}

func (p *Postgres) fill(ctx context.Context, template *Template, fill func(context.Context, *Database) error) error {
	database, err := p.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	if err := fill(ctx, database); err != nil {
		return errors.Join(err, database.Drop(ctx))
	}
	template.database = database
	return nil
}

// CreateDatabaseFrom makes a copy of the template under a random name. All copies share the
// operator's role of the template, which owns the same objects in each.
func (p *Postgres) CreateDatabaseFrom(ctx context.Context, template *Template) (*Database, error) {
	name, err := randomName("db_")
	if err != nil {
		return nil, err
	}
	source := template.database
	err = p.administer(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+
		" OWNER "+pgx.Identifier{source.Operator}.Sanitize()+
		" TEMPLATE "+pgx.Identifier{source.Name}.Sanitize())
	if err != nil {
		return nil, fmt.Errorf("while copying the template database: %w", err)
	}
	operator, err := url.Parse(source.URI)
	if err != nil {
		return nil, errors.New("the template's URI is not a URL")
	}
	password, _ := operator.User.Password()
	database := p.database(name, login{source.Operator, password})
	database.shared = true
	return database, nil
}

// dropTemplates removes the templates from a borrowed server.
func (p *Postgres) dropTemplates(ctx context.Context) error {
	var errs []error
	p.templates.Range(func(_, value any) bool {
		if template, ok := value.(*Template); ok && template.database != nil {
			errs = append(errs, template.database.Drop(ctx))
		}
		return true
	})
	p.templates.Clear()
	return errors.Join(errs...)
}
