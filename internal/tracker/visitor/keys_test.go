package visitor_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// Keys of Tink keysets.
const (
	tinkKey7 = `{"keyData": {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "value": "GiBTSDcCPipFhZbz60wXe6E4lDepBa2coBDyKT/2wiwcjw==",
		"keyMaterialType": "SYMMETRIC"}, "status": "ENABLED", "keyId": 7, "outputPrefixType": "TINK"}`
	tinkKey8 = `{"keyData": {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "value": "GiBnfN0CPipFhZbz60wXe6E4lDepBa2coBDyKT/2wiwcjw==",
		"keyMaterialType": "SYMMETRIC"}, "status": "ENABLED", "keyId": 8, "outputPrefixType": "TINK"}`
	tinkKeyOfAnotherType = `{"keyData": {"typeUrl": "type.googleapis.com/google.crypto.tink.ChaCha20Poly1305Key",
		"value": "EiAXOnlqbGYUe1HaA/IbxyYIuH0HVX8d0fx5z9GdxDRX1A==", "keyMaterialType": "SYMMETRIC"}, "status": "ENABLED", "keyId": 9, "outputPrefixType": "TINK"}`
	tinkKeyOf128Bits = `{"keyData": {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "value": "GhBTSDcCPipFhZbz60wXe6E4",
		"keyMaterialType": "SYMMETRIC"}, "status": "ENABLED", "keyId": 10, "outputPrefixType": "TINK"}`
)

func keysetOf(primary string, keys ...string) string {
	return `{"primaryKeyId": ` + primary + `, "key": [` + strings.Join(keys, ",\n") + `]}`
}

func TestKeysAreReadFromAFile(t *testing.T) {
	const paserk = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8"
	hexDigit := func(digit string) string { return strings.Repeat(digit, 64) }
	for name, test := range map[string]struct{ content, refused string }{
		"hexadecimal":          {newKey, ""},
		"in capitals":          {strings.Repeat("AB", 32) + "\r\n", ""},
		"PASERK":               {paserk, ""},
		"comments and blanks":  {"# ours\n\n  " + newKey + "  # since March\n", ""},
		"two, to change them":  {newKey + "\n" + oldKey + "\n", ""},
		"a keyset":             {keysetOf("7", tinkKey7), ""},
		"a keyset and a line":  {"# ours\n" + keysetOf("8", tinkKey7, tinkKey8) + " # of May\n" + newKey, ""},
		"a disabled key":       {keysetOf("8", strings.Replace(tinkKey7, "ENABLED", "DISABLED", 1), tinkKey8), ""},
		"a broken line below":  {keysetOf("7", tinkKey7) + "\nsecret", "line 3 is not a key"},
		"a cut keyset":         {"\n" + keysetOf("7", tinkKey7)[:200], "the JSON that begins on line 2 is no keyset"},
		"other JSON":           {`{"key": "secret"}`, "the JSON that begins on line 1 is no keyset"},
		"an encrypted keyset":  {`{"encryptedKeyset": "GiBTSDcC"}`, "the JSON that begins on line 1 is no keyset"},
		"no primary key":       {keysetOf("9", tinkKey7), "the JSON that begins on line 1 is no keyset"},
		"a disabled primary":   {keysetOf("7", strings.Replace(tinkKey7, "ENABLED", "DISABLED", 1), tinkKey8), "the JSON that begins on line 1 is no keyset"},
		"another cipher":       {keysetOf("9", tinkKeyOfAnotherType), "AES256_GCM"},
		"AES of 128 bits":      {keysetOf("10", tinkKeyOf128Bits), "AES256_GCM"},
		"empty":                {"", "there is no key"},
		"comments alone":       {"# none yet\n", "there is no key"},
		"too short":            {newKey[1:], "line 1 is not a key"},
		"too long":             {newKey + "00", "line 1 is not a key"},
		"no hexadecimal":       {strings.Repeat("g", 64), "line 1 is not a key"},
		"a public PASERK":      {strings.Replace(paserk, "local", "public", 1), "line 1 is not a key"},
		"a PASERK cut short":   {paserk[:len(paserk)-2], "line 1 is not a key"},
		"the second is broken": {newKey + "\nsecret\n", "line 2 is not a key"},
		"repeated":             {newKey + "\n" + newKey, "line 2 repeats"},
		"all zeros":            {hexDigit("0"), "easy to guess"},
		"too many": {strings.Join([]string{
			hexDigit("1"), hexDigit("2"), hexDigit("3"), hexDigit("4"), hexDigit("5"), hexDigit("6"), hexDigit("7"), hexDigit("8"), hexDigit("9"),
		}, "\n"), "line 9 is one key too many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := visitor.ParseKeys([]byte(test.content))
			if (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Fatalf("%v, want %q", err, test.refused)
			}
			for line := range strings.Lines(test.content) {
				if line = strings.TrimSpace(line); err != nil && line != "" && strings.Contains(err.Error(), line) {
					t.Errorf("%q tells a key", err)
				}
			}
		})
	}
}

func FuzzKeys(f *testing.F) {
	for _, seed := range []string{"", newKey, newKey + "\n" + oldKey, "# x\nk4.local.AAAA", "\xff\x00", keysetOf("8", tinkKey7, tinkKey8) + newKey, `{}`, "{", `{"key": [{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		keys, err := visitor.ParseKeys([]byte(content))
		if (keys == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", content, keys, err)
		}
		if err == nil {
			if _, err := keys.Open(keys.Seal(visitor.New(), noon, window), noon); err != nil {
				t.Errorf("%q seals what it does not open: %v", content, err)
			}
		}
	})
}
