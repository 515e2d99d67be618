package words

import "strings"

// Choose returns the language for a person who wants the given ones, best first. Each is
// written as POSIX systems do (de_DE.UTF-8), as BCP 47 does (zh-Hans-CN), or is a list of
// such with colons between. Empty ones are passed over; C and POSIX mean English. It
// returns English when none is spoken here.
func Choose(wanted ...string) Language {
	for _, list := range wanted {
		for one := range strings.SplitSeq(list, ":") {
			if l, ok := match(one); ok {
				return l
			}
		}
	}
	return English
}

func match(name string) (Language, bool) {
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "@")
	if name == "C" || name == "POSIX" {
		return English, true
	}
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 {
		return "", false
	}
	for _, l := range []Language{English, German, Spanish, French, Japanese} {
		if parts[0] == string(l) {
			return l, true
		}
	}
	if parts[0] != "zh" {
		return "", false
	}
	for _, part := range parts[1:] {
		switch part {
		case "hans":
			return Chinese, true
		case "hant", "tw", "hk", "mo": // people there read other characters
			return "", false
		}
	}
	return Chinese, true
}
