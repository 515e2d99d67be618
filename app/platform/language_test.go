package platform

import (
	"slices"
	"testing"
)

func TestLanguagesOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want []string
	}{
		{nil, nil},
		{map[string]string{"LANG": "de_DE.UTF-8"}, []string{"de_DE.UTF-8"}},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr_FR"}, []string{"fr_FR"}},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": "fr"}, []string{"C"}},
		{map[string]string{"LANG": "de_DE.UTF-8", "LANGUAGE": "es:ja"}, []string{"es:ja", "de_DE.UTF-8"}},
		{map[string]string{"LANGUAGE": "es"}, nil}, // gettext: nothing without a locale
	} {
		if got := ofEnvironment(func(name string) string { return c.set[name] }); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.set, got, c.want)
		}
	}
}
