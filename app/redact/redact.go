// Package redact takes out of texts what would tell a stranger about a person: names,
// paths, ids, addresses, keys. What remains says what happened, where it says it in words
// of this program or of the system.
//
// It lets through only what it knows: numbers, times, a few fields whose values are words
// of ours, and phrases of a list. Everything else becomes a number, the same for the same
// text, so that a reader can follow one thing through a report. The command line makes its
// reports with it.
package redact

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Redactor remembers which number stands for which text, for one report.
type Redactor struct{ numbers map[string]int }

// New returns a redactor for one report.
func New() *Redactor { return &Redactor{numbers: map[string]int{}} }

// ownWords are the fields whose texts are words of this program.
var ownWords = map[string]bool{
	"state": true, "route": true, "role": true, "kind": true, "verdict": true, "check": true,
	"level": true, "msg": true, "os": true, "arch": true, "version": true, "go": true, "effect": true,
}

// phrases are what is kept of longer texts: what systems and this program say of failures.
var phrases = []string{
	"permission denied", "no such file or directory", "file exists", "not a directory", "is a directory",
	"directory not empty", "no space left on device", "disk quota exceeded", "read-only file system",
	"input/output error", "too many open files", "file name too long", "invalid argument",
	"operation not permitted", "device or resource busy", "cross-device link", "stale file handle",
	"connection refused", "connection reset by peer", "broken pipe", "no route to host",
	"network is unreachable", "i/o timeout", "context canceled", "context deadline exceeded", "unexpected EOF",
	"address already in use", "no such host", "cannot assign requested address", "certificate",
	"no answer within", "it does not trust this device yet", "another device answers there",
	"what answers there is no shoal device", "the other side closed it", "connection lost", "the device stops",
	"it broke the protocol", "the folder is not there", "is in use by another program", "is damaged",
	"database disk image is malformed", "database is locked", "was moved away or removed",
	"the limit on watches is reached", "inotify", "no member is connected", "does not share this folder",
	"has paused this folder", "cannot keep this folder", "its limit was lifted", "paid by the byte",
	"no address of it is known", "changes are heard at once", "agrees with this computer's", "ahead of this computer's",
	"behind this computer's", "are free", "entries were read and are in order", "nothing is wrong",
}

// number returns what stands for a text.
func (r *Redactor) number(text string) string {
	if text == "" {
		return ""
	}
	n, known := r.numbers[text]
	if !known {
		n = len(r.numbers) + 1
		r.numbers[text] = n
	}
	return "#" + strconv.Itoa(n)
}

// plain reports whether a text says nothing about a person: a number, a time, a length of
// time or a truth.
func plain(text string) bool {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return true
	}
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return true
	}
	if _, err := time.ParseDuration(text); err == nil {
		return true
	}
	return text == "true" || text == "false" || text == ""
}

// Text returns what is kept of a text, and a number for the rest.
func (r *Redactor) Text(field, text string) string {
	if ownWords[field] || plain(text) {
		return text
	}
	var kept []string
	for _, phrase := range phrases {
		if strings.Contains(text, phrase) {
			kept = append(kept, phrase)
		}
	}
	return strings.Join(append([]string{r.number(text)}, kept...), " … ")
}

// JSON returns a document with every text in it redacted.
func (r *Redactor) JSON(document []byte) ([]byte, error) {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	text, err := json.MarshalIndent(r.value("", value), "", "  ")
	return append(text, '\n'), err
}

func (r *Redactor) value(field string, value any) any {
	switch value := value.(type) {
	case string:
		return r.Text(field, value)
	case []any:
		for i := range value {
			value[i] = r.value(field, value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = r.value(name, value[name])
		}
	}
	return value
}

// Log returns a line of the log, as text or as JSON, redacted. Messages of this program
// are kept; what stands beside them is redacted. A line of another form says only how
// long it was.
func (r *Redactor) Log(line string) string {
	if strings.HasPrefix(line, "{") {
		var value map[string]any
		if json.Unmarshal([]byte(line), &value) == nil {
			if text, err := json.Marshal(r.value("", value)); err == nil {
				return string(text)
			}
		}
		return r.strange(line)
	}
	var out []string
	for rest := line; rest != ""; {
		key, value, after, ok := field(rest)
		if !ok {
			return r.strange(line)
		}
		shown := r.Text(key, value)
		if strings.ContainsAny(shown, " =\"") {
			shown = strconv.Quote(shown)
		}
		out = append(out, key+"="+shown)
		rest = after
	}
	return strings.Join(out, " ")
}

func (r *Redactor) strange(line string) string {
	return fmt.Sprintf("(a line of %d bytes that is not of the usual form)", len(line))
}

// field takes the first key=value off a line.
func field(line string) (key, value, rest string, ok bool) {
	key, rest, ok = strings.Cut(line, "=")
	if !ok || key == "" || strings.ContainsFunc(key, notInKey) {
		return "", "", "", false
	}
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", "", "", false
		}
		rest = rest[len(quoted):]
		if value, err = strconv.Unquote(quoted); err != nil || rest != "" && rest[0] != ' ' {
			return "", "", "", false
		}
		return key, value, strings.TrimPrefix(rest, " "), true
	}
	value, rest, _ = strings.Cut(rest, " ")
	return key, value, rest, true
}

func notInKey(c rune) bool { return (c < 'a' || c > 'z') && c != '_' }

// Settings returns the lines of a settings file that set something, without comments. The
// values of the given keys are kept.
func (r *Redactor) Settings(text string, keep map[string]bool) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if _, known := keep[key]; !known {
			key = r.number(key) // a mistake, perhaps a secret
		}
		if !keep[key] {
			value = r.Text(key, value)
		}
		out.WriteString(key + " = " + value + "\n")
	}
	return out.String()
}
