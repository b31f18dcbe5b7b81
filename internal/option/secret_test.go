package option_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/option"
)

type keeping struct {
	Host     string `json:"host" doc:"Host."`
	Port     int    `json:"port" doc:"Port."`
	Password string `json:"password" doc:"Password." secret:"true"`
	TLS      *inner `json:"tls" doc:"TLS."`
}

type inner struct {
	CA  string `json:"ca" doc:"CA."`
	Key string `json:"key" doc:"Key." secret:"true"`
}

func TestSecretsAreDividedAndUnited(t *testing.T) {
	t.Parallel()
	spec := option.Describe(keeping{Port: 7})
	for name, c := range map[string]struct {
		given, open string
		secrets     map[string]string
	}{
		"all":             {`{"host":"h","port":12345678901234567,"password":"p","tls":{"ca":"c","key":"k"}}`, `{"host":"h","port":12345678901234567,"tls":{"ca":"c"}}`, map[string]string{"password": "p", "tls.key": "k"}},
		"none":            {`{"host":"h"}`, `{"host":"h"}`, map[string]string{}},
		"empty":           {``, `{}`, map[string]string{}},
		"an empty text":   {`{"password":""}`, `{}`, map[string]string{}},
		"null":            {`{"password":null,"tls":null}`, `{"tls":null}`, map[string]string{}},
		"the inner alone": {`{"tls":{"key":"k"}}`, `{"tls":{}}`, map[string]string{"tls.key": "k"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open, secrets, err := spec.Divide(json.RawMessage(c.given))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.secrets, secrets); diff != "" || string(open) != c.open {
				t.Errorf("open %s, want %s\n%s", open, c.open, diff)
			}
			whole, err := spec.Unite(open, secrets)
			if err != nil {
				t.Fatal(err)
			}
			var got, want keeping
			if problem := spec.Decode(whole, &got); problem != nil {
				t.Fatal(problem)
			}
			if problem := spec.Decode(json.RawMessage(c.given), &want); problem != nil && name != "null" {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(want, got); diff != "" && name != "null" {
				t.Error(diff)
			}
		})
	}
	if whole, err := spec.Unite(json.RawMessage(`{}`), map[string]string{"tls.key": "k"}); err != nil || string(whole) != `{"tls":{"key":"k"}}` {
		t.Errorf("%s, %v", whole, err)
	}
}
