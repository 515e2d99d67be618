package ignore

import "fmt"

// Outcome is what the patterns want to become of a path.
type Outcome uint8

const (
	NoMatch  Outcome = iota // no line speaks of it: it is shared
	Ignored                 // it is left alone
	Included                // a line with "!" says that it is shared
)

// Verdict is an outcome and the line it follows from. Without a line it is the zero value.
type Verdict struct {
	Outcome Outcome
	Source  int    // which of the combined texts holds the line, counted from 0
	Line    int    // its number in that text, counted from 1
	Pattern string // the line as it was written, without spaces at its end
	Decided string // the path that the line matched: the one asked for, or one above it
}

// Ignored reports whether the path is to be left alone.
func (v Verdict) Ignored() bool { return v.Outcome == Ignored }

func (v Verdict) String() string {
	switch v.Outcome {
	case Ignored:
		return fmt.Sprintf("ignored: line %d of text %d, %q, matches %q",
			v.Line, v.Source, v.Pattern, v.Decided)
	case Included:
		return fmt.Sprintf("shared: line %d of text %d, %q, matches %q",
			v.Line, v.Source, v.Pattern, v.Decided)
	}
	return "shared: no line matches"
}
