package option_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/internal/option"
)

type Timing struct {
	Timeout option.Duration `json:"timeout" doc:"How long an answer may take." minimum:"1s" maximum:"1h"`
}

type host struct {
	Name string `json:"name" doc:"The host." required:"true"`
	Port int    `json:"port" doc:"The port." minimum:"1" maximum:"65535"`
}

type tls struct {
	Mode string `json:"mode" doc:"How the server is checked." enum:"off,verify"`
	Key  string `json:"key" doc:"The client's key." secret:"true"`
}

type sample struct {
	Timing
	Hosts    []host            `json:"hosts" doc:"The servers."`
	User     string            `json:"user" doc:"The account." example:"shop"`
	Password string            `json:"password" doc:"Its password." secret:"true"`
	TLS      tls               `json:"tls" doc:"Encryption."`
	Proxy    *host             `json:"proxy" doc:"A proxy."`
	Labels   map[string]string `json:"labels" doc:"Sent along."`
	Tokens   map[string]string `json:"tokens" doc:"Keys of services." secret:"true"`
	Buffer   option.Bytes      `json:"buffer" doc:"Memory." minimum:"64KiB"`
	Ratio    float64           `json:"ratio" doc:"A share." minimum:"0" maximum:"1"`
	Big      uint64            `json:"big" doc:"A large number."`
	Strict   bool              `json:"strict" doc:"Refuse more."`
	Sizes    []int             `json:"sizes" doc:"Some sizes." minimum:"2"`
	Extra    any               `json:"extra" doc:"Anything."`
	Hidden   int
}

func defaults() sample {
	return sample{Timing: Timing{Timeout: option.Duration(5e9)}, Hosts: []host{{Name: "localhost", Port: 3306}}, User: "root",
		TLS: tls{Mode: "verify"}, Labels: map[string]string{"a": "b"}, Buffer: 1 << 20, Strict: true}
}

func TestDecodeOverlaysDefaults(t *testing.T) {
	t.Parallel()
	s := option.Describe(defaults())
	cases := []struct {
		name, raw string
		change    func(*sample)
	}{
		{"nothing", ``, func(*sample) {}},
		{"empty object", ` {} `, func(*sample) {}},
		{"one value", `{"user":"shop"}`, func(o *sample) { o.User = "shop" }},
		{"false over true", `{"strict":false}`, func(o *sample) { o.Strict = false }},
		{"nested keeps its siblings", `{"tls":{"key":"k"}}`, func(o *sample) { o.TLS.Key = "k" }},
		{"embedded", `{"timeout":"1m30s"}`, func(o *sample) { o.Timeout = 90e9 }},
		{"list replaces", `{"hosts":[{"name":"a","port":1},{"name":"b"}]}`, func(o *sample) { o.Hosts = []host{{"a", 1}, {"b", 0}} }},
		{"null empties a list", `{"hosts":null}`, func(o *sample) { o.Hosts = nil }},
		{"map replaces", `{"labels":{"x":"y"}}`, func(o *sample) { o.Labels = map[string]string{"x": "y"} }},
		{"pointer", `{"proxy":{"name":"p","port":8080}}`, func(o *sample) { o.Proxy = &host{"p", 8080} }},
		{"size as text", `{"buffer":"32MiB"}`, func(o *sample) { o.Buffer = 32 << 20 }},
		{"size as number", `{"buffer":65536}`, func(o *sample) { o.Buffer = 64 << 10 }},
		{"all 64 bits", `{"big":18446744073709551615}`, func(o *sample) { o.Big = 1<<64 - 1 }},
		{"any", `{"extra":{"a":[1]}}`, func(o *sample) { o.Extra = map[string]any{"a": []any{1.0}} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			c.change(&want)
			var got sample
			if p := s.Decode(json.RawMessage(c.raw), &got); p != nil {
				t.Fatal(p)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	s := option.Describe(defaults())
	cases := []struct{ name, raw, path, text, hint string }{
		{"unknown", `{"usr":"x"}`, "usr", `unknown option "usr"`, `Did you mean "user"?`},
		{"swapped letters", `{"ratoi":1}`, "ratoi", `unknown option "ratoi"`, `Did you mean "ratio"?`},
		{"another case", `{"User":"x"}`, "User", `unknown option "User"`, `Did you mean "user"?`},
		{"unknown deep", `{"hosts":[{"name":"a"},{"name":"b","prt":1}]}`, "hosts[1].prt", `unknown option "prt"`, `Did you mean "port"?`},
		{"unknown and far", `{"tls":{"certificate":1}}`, "tls.certificate", `unknown option "certificate"`, "Options are: mode, key."},
		{"Go name", `{"Hidden":1}`, "Hidden", `unknown option "Hidden"`, ""},
		{"twice", `{"user":"a","user":"b"}`, "user", "is given twice", ""},
		{"below minimum", `{"hosts":[{"name":"a","port":0}]}`, "hosts[0].port", "0 is less than 1", "It takes a whole number from 1 to 65535."},
		{"above maximum", `{"ratio":1.5}`, "ratio", "1.5 is more than 1", "It takes a number from 0 to 1."},
		{"element of a list", `{"sizes":[2,1]}`, "sizes[1]", "1 is less than 2", ""},
		{"short duration", `{"timeout":"1ms"}`, "timeout", "1ms is less than 1s", ""},
		{"small size", `{"buffer":"1KiB"}`, "buffer", "1KiB is less than 64KiB", ""},
		{"duration as number", `{"timeout":5}`, "timeout", "must not be a number", `It takes a duration such as "90s", "5m" or "2h" from 1s to 1h.`},
		{"duration without unit", `{"timeout":"5"}`, "timeout", `"5" is not a duration`, ""},
		{"enum", `{"tls":{"mode":"verfy"}}`, "tls.mode", `"verfy" is not one of the known values`, `Did you mean "verify"? Known are: off, verify.`},
		{"missing", `{"proxy":{"port":1}}`, "proxy.name", "is required", "The host."},
		{"empty but required", `{"proxy":{"name":""}}`, "proxy.name", "is required and must not be empty", ""},
		{"text for number", `{"big":"1"}`, "big", "must not be a text", "It takes a whole number."},
		{"fraction", `{"big":1.5}`, "big", "1.5 is not a whole number that fits", ""},
		{"negative", `{"big":-1}`, "big", "-1 is not a whole number that fits", ""},
		{"null", `{"user":null}`, "user", "must not be null", "It takes a text."},
		{"object for text", `{"password":{"a":"secret"}}`, "password", "must not be an object", ""},
		{"list for object", `{"tls":[]}`, "tls", "must not be a list", "It takes an object."},
		{"map value", `{"labels":{"a":1}}`, "labels.a", "must not be a number", ""},
		{"not an object", `[]`, "", "must not be a list", ""},
		{"not JSON", `{`, "", "is not valid JSON", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out sample
			p := s.Decode(json.RawMessage(c.raw), &out)
			if p == nil {
				t.Fatal("accepted")
			}
			if p.Path != c.path || p.Text != c.text || c.hint != "" && p.Hint != c.hint {
				t.Errorf("got %q %q %q, want %q %q %q", p.Path, p.Text, p.Hint, c.path, c.text, c.hint)
			}
		})
	}
}

func TestProblemPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"": "source.options", "a": "source.options.a", "hosts[1].x": "source.options.hosts[1].x"} {
		if got := (&option.Problem{Path: path}).PathBelow("source.options"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (&option.Problem{Path: "a", Text: "is bad"}).Error(); got != "a: is bad" {
		t.Errorf("got %q", got)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	t.Parallel()
	s := option.Describe(defaults())
	var a, b sample
	s.Decode(nil, &a)
	a.Hosts[0].Name, a.Labels["a"] = "changed", "changed"
	s.Decode(nil, &b)
	if d := cmp.Diff(defaults(), b); d != "" {
		t.Error(d)
	}
}

func TestSecretsStayOutOfProblems(t *testing.T) {
	t.Parallel()
	type secrets struct {
		Mode  string          `json:"mode" doc:"x" enum:"a,b" secret:"true"`
		Until option.Duration `json:"until" doc:"x" secret:"true"`
	}
	s := option.Describe(secrets{})
	for _, raw := range []string{`{"mode":"hunter2"}`, `{"until":"hunter2"}`, `{"mode":["hunter2"]}`} {
		var out secrets
		if p := s.Decode(json.RawMessage(raw), &out); p == nil || strings.Contains(p.Text+p.Hint, "hunter2") {
			t.Errorf("%s: got %v", raw, p)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	s := option.Describe(defaults())
	cases := []struct{ name, raw, want string }{
		{"top", `{"user":"u","password":"p"}`, `{"user":"u","password":"***"}`},
		{"nested", `{"tls":{"key":"k","mode":"off"}}`, `{"tls":{"key":"***","mode":"off"}}`},
		{"whole map", `{"tokens":{"a":"b"}}`, `{"tokens":"***"}`},
		{"misspelt", `{"pasword":"p"}`, `{"pasword":"***"}`},
		{"misspelt deep", `{"hosts":[{"name":"a","pw":"p"}]}`, `{"hosts":[{"name":"a","pw":"***"}]}`},
		{"wrong types", `{"tls":"k","hosts":{"a":1},"ratio":"p","strict":"p","user":7,"buffer":{}}`,
			`{"tls":"***","hosts":"***","ratio":"***","strict":"***","user":"***","buffer":"***"}`},
		{"no secret given", `{"password":"","tls":{"key":null}}`, `{"password":"","tls":{"key":null}}`},
		{"others stay", `{"labels":{"a":"b"},"proxy":{"name":"p"},"extra":[1],"sizes":[3],"timeout":"5s","buffer":1}`,
			`{"labels":{"a":"b"},"proxy":{"name":"p"},"extra":[1],"sizes":[3],"timeout":"5s","buffer":1}`},
		{"empty", ``, `{}`},
		{"not JSON", `{"password":"p"`, `"***"`},
	}
	for _, c := range cases {
		if got := string(s.Redact(json.RawMessage(c.raw))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	got := option.Describe(defaults()).Fields()
	want := []option.Field{
		{Name: "timeout", Type: "duration", Doc: "How long an answer may take.", Default: `"5s"`, Min: "1s", Max: "1h"},
		{Name: "hosts[].name", Type: "text", Doc: "The host.", Required: true},
		{Name: "hosts[].port", Type: "integer", Doc: "The port.", Min: "1", Max: "65535"},
		{Name: "user", Type: "text", Doc: "The account.", Default: `"root"`, Example: "shop"},
		{Name: "password", Type: "text", Doc: "Its password.", Secret: true},
		{Name: "tls.mode", Type: "text", Doc: "How the server is checked.", Default: `"verify"`, Enum: []string{"off", "verify"}},
		{Name: "tls.key", Type: "text", Doc: "The client's key.", Secret: true},
		{Name: "proxy.name", Type: "text", Doc: "The host.", Required: true},
		{Name: "proxy.port", Type: "integer", Doc: "The port.", Min: "1", Max: "65535"},
		{Name: "labels", Type: "map of text", Doc: "Sent along.", Default: `{"a":"b"}`},
		{Name: "tokens", Type: "map of text", Doc: "Keys of services.", Secret: true},
		{Name: "buffer", Type: "size", Doc: "Memory.", Default: `"1MiB"`, Min: "64KiB"},
		{Name: "ratio", Type: "number", Doc: "A share.", Default: "0", Min: "0", Max: "1"},
		{Name: "big", Type: "integer", Doc: "A large number.", Default: "0"},
		{Name: "strict", Type: "bool", Doc: "Refuse more.", Default: "true"},
		{Name: "sizes", Type: "list of integer", Doc: "Some sizes.", Min: "2"},
		{Name: "extra", Type: "any", Doc: "Anything."},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	type small struct {
		Name   string          `json:"name" doc:"A name." required:"true" example:"x"`
		Mode   string          `json:"mode" doc:"A mode." enum:"a,b"`
		Count  int             `json:"count" doc:"A count." minimum:"1" maximum:"9"`
		Key    string          `json:"key" doc:"A key." secret:"true"`
		Wait   option.Duration `json:"wait" doc:"A wait." minimum:"1s"`
		Room   option.Bytes    `json:"room" doc:"Room."`
		Inner  *host           `json:"inner" doc:"More."`
		Labels map[string]bool `json:"labels" doc:"Labels."`
		List   []string        `json:"list" doc:"A list." enum:"c,d"`
	}
	got := string(option.Describe(small{Mode: "a", Count: 2, Key: "k"}).Schema())
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
		`"name":{"type":"string","description":"A name.","examples":["x"]},` +
		`"mode":{"type":"string","enum":["a","b"],"description":"A mode.","default":"a"},` +
		`"count":{"type":"integer","minimum":1,"maximum":9,"description":"A count.","default":2},` +
		`"key":{"type":"string","format":"password","description":"A key.","writeOnly":true},` +
		`"wait":{"type":"string","format":"towpath-duration","x-minimum":"1s","description":"A wait.","default":"0s"},` +
		`"room":{"type":["string","integer"],"format":"towpath-size","description":"Room.","default":"0"},` +
		`"inner":{"type":"object","properties":{"name":{"type":"string","description":"The host."},` +
		`"port":{"type":"integer","minimum":1,"maximum":65535,"description":"The port."}},"required":["name"],` +
		`"additionalProperties":false,"description":"More."},` +
		`"labels":{"type":"object","additionalProperties":{"type":"boolean"},"description":"Labels."},` +
		`"list":{"type":"array","items":{"type":"string","enum":["c","d"]},"description":"A list."}},` +
		`"required":["name"],"additionalProperties":false}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not valid JSON")
	}
}

type loop struct {
	Next *loop `json:"next"`
}

func TestDescribePanicsForProgrammers(t *testing.T) {
	t.Parallel()
	cases := map[string]any{
		"not a struct": 1,
		"nil":          nil,
		"channel": struct {
			C chan int `json:"c"`
		}{},
		"bound on a text": struct {
			S string `json:"s" minimum:"1"`
		}{},
		"bound that does not parse": struct {
			D option.Duration `json:"d" minimum:"1"`
		}{},
		"enum on a number": struct {
			N int `json:"n" enum:"1,2"`
		}{},
		"one name twice": reflect.Zero(reflect.StructOf([]reflect.StructField{ // vet would refuse it as a literal
			{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"a"`},
			{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"a"`},
		})).Interface(),
		"itself": loop{},
	}
	for name, v := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("described")
				}
			}()
			option.Describe(v)
		})
	}
}
