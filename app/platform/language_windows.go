package platform

import "golang.org/x/sys/windows"

// ofSystem returns the languages of the display, as the person put them in order.
func ofSystem() []string {
	list, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil {
		return nil // then English
	}
	return list
}
