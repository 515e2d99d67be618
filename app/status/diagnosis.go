package status

import "fmt"

// Verdict says how one check of the doctor came out.
type Verdict string

// The verdicts. Only what is Wrong keeps shoal from doing what it should.
const (
	Fine    Verdict = "ok"
	Doubt   Verdict = "warning"
	Wrong   Verdict = "wrong"
	Unknown Verdict = "unknown"
)

// Check is one thing the doctor looked at.
type Check struct {
	// Name is one stable word for programs, such as "clock".
	Name    string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// About is the folder or the device it was looked at for, empty for all of it.
	About string `json:"about,omitempty"`
	// Reason says what was found.
	Reason string `json:"reason"`
	// Remedy says what a person can do, empty when nothing needs doing.
	Remedy string `json:"remedy,omitempty"`
}

// Diagnosis is everything the doctor found.
type Diagnosis struct {
	// OK is false when something is wrong.
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Add notes a check.
func (d *Diagnosis) Add(c Check) { d.Checks = append(d.Checks, c) }

// Judge sets OK from the checks.
func (d *Diagnosis) Judge() {
	d.OK = true
	for _, c := range d.Checks {
		d.OK = d.OK && c.Verdict != Wrong
	}
}

// DiagnosisLines draws a diagnosis for a person.
func DiagnosisLines(d Diagnosis) []string {
	signs := map[Verdict]string{Fine: "✓", Doubt: "!", Wrong: "✗", Unknown: "?"}
	var lines []string
	wrong, doubtful := 0, 0
	for _, c := range d.Checks {
		sign := signs[c.Verdict]
		if sign == "" {
			sign = "?" // of a newer agent
		}
		name := c.Name
		if c.About != "" {
			name += " of " + Plain(c.About)
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", sign, name, Plain(c.Reason)))
		if c.Remedy != "" {
			lines = append(lines, "    "+Plain(c.Remedy))
		}
		switch c.Verdict {
		case Wrong:
			wrong++
		case Doubt:
			doubtful++
		}
	}
	switch {
	case wrong > 0:
		return append(lines, fmt.Sprintf("%d wrong, %d to look at", wrong, doubtful))
	case doubtful > 0:
		return append(lines, fmt.Sprintf("nothing is wrong, %d to look at", doubtful))
	}
	return append(lines, "nothing is wrong")
}
