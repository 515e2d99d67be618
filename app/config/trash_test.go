package config

import "testing"

func TestTrashOf(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  Trash
		wrong bool
	}{
		{text: ""}, {text: "on"}, {text: "off", want: Trash{Off: true}},
		{text: "14d", want: Trash{Days: 14}}, {text: "5%", want: Trash{Percent: 5}},
		{text: "20GB", want: Trash{Bytes: 20 << 30}}, {text: "3TB", want: Trash{Bytes: 3 << 40}},
		{text: "7d, 500MB", want: Trash{Days: 7, Bytes: 500 << 20}},
		{text: "0d", wrong: true}, {text: "-1d", wrong: true}, {text: "14", wrong: true},
		{text: "14d 15d", wrong: true}, {text: "5% 20GB", wrong: true}, {text: "91%", wrong: true},
		{text: "99999999TB", wrong: true}, {text: "much", wrong: true}, {text: " ", wrong: true},
	} {
		got, err := TrashOf(c.text)
		if got != c.want || (err != nil) != c.wrong {
			t.Errorf("%q means %+v, %v", c.text, got, err)
		}
	}
}
