package status

// Setting is one thing that one person may want otherwise than another.
type Setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default string `json:"default"`
	// Set is true when a value stands in the settings, even one equal to the default.
	Set bool `json:"set"`
	// Restart is true when a change takes effect only when the agent is started anew.
	Restart bool `json:"restart"`
	// Override is the value that the command line of the running agent gave instead.
	Override string `json:"override"`
	// Says tells what the setting is for, and what values it takes.
	Says string `json:"says"`
}

// SettingLines draws the settings for a person, each with what it is for.
func SettingLines(all []Setting) []string {
	var lines []string
	for _, s := range all {
		line := s.Key + " = " + Plain(s.Value)
		switch {
		case s.Override != "":
			line += "   (this run: " + Plain(s.Override) + ", from the command line)"
		case !s.Set:
			line += "   (default)"
		}
		lines = append(lines, line, "    "+s.Says)
		if s.Restart {
			lines[len(lines)-1] += "; after a restart"
		}
	}
	return lines
}
