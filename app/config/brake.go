package config

import (
	"fmt"
	"strconv"
	"strings"
)

// BrakeOf reads how many deletes within a minute wait for a person's yes: "on" or nothing
// (the usual), "off", a number of files such as 500, or a part of the folder such as 20%.
// At most one of the results says something.
func BrakeOf(text string) (off bool, files, percent int64, err error) {
	switch text {
	case "", "on":
		return false, 0, 0, nil
	case "off":
		return true, 0, 0, nil
	}
	if part, isPart := strings.CutSuffix(text, "%"); isPart {
		percent, err = strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err == nil && percent >= 1 && percent <= 100 {
			return false, 0, percent, nil
		}
	} else if files, err = strconv.ParseInt(text, 10, 64); err == nil && files >= 1 {
		return false, files, 0, nil
	}
	return false, 0, 0, fmt.Errorf("brake %q: want on, off, a number of files such as 500, "+
		"or a part of the folder such as 20%%", text)
}
