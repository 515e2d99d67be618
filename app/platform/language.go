package platform

import (
	"os"
	"strings"
)

// Languages returns the languages the person wants, best first, for words.Choose: what the
// environment says, which goes before the settings of Windows and macOS for programs that
// are started in a terminal, and then those settings.
func Languages() []string {
	return append(ofEnvironment(os.Getenv), ofSystem()...)
}

// ofEnvironment follows gettext: of the locale's variables the first that is set counts,
// and LANGUAGE, a list, goes before it unless it is the locale C.
func ofEnvironment(get func(string) string) []string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := get(name)
		if locale == "" {
			continue
		}
		if base, _, _ := strings.Cut(locale, "."); base == "C" || base == "POSIX" {
			return []string{"C"}
		}
		if list := get("LANGUAGE"); list != "" {
			return []string{list, locale}
		}
		return []string{locale}
	}
	return nil
}
