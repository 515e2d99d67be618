package main

import (
	"context"
	"errors"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/discovery/pairing"
)

// showCarry shows a text that the person is to carry.
func (l *linkRun) showCarry(e api.LinkEvent) error {
	if l.s.quiet {
		return l.s.line(e.Link)
	}
	left := l.s.words.Duration(e.Expires.Sub(now()).Round(time.Second))
	if e.Name != "" {
		return l.s.lines([]string{
			l.s.words.Say("Carry this text back to %s, by mail or chat, and enter it there:", status.Plain(e.Name)), "",
			e.Link, "", l.s.words.Say("Waiting. It is good for %s; Ctrl-C ends it.", left),
		})
	}
	lines := []string{
		l.s.words.Say("Carry this text to the other device, by mail or chat, and run there:  shoal link TEXT"), "", e.Link, "",
	}
	lines = append(lines, l.picture(e.Link)...)
	return l.s.lines(append(lines, l.s.words.Say("Waiting for the text that it prints in return: enter it here. "+
		"It is good for %s; Ctrl-C ends it.", left)))
}

// takeReply reads what the person brings back, and links by it. It may also be entered in
// another run of the command; then nobody answers here.
func (l *linkRun) takeReply(ctx context.Context, client *api.Client, lasts int64) {
	for {
		text, err := l.ask(ctx, "")
		if err != nil {
			return // nobody is there, or it has ended
		}
		if text == "" {
			continue
		}
		if !pairing.IsReply(text) {
			l.complain(usagef("this is not the text that the other device prints in return: that begins with shoal://reply/"))
			continue
		}
		replying := &linkRun{s: l.s, yes: l.yes, in: l.in, beside: true}
		err = replying.run(ctx, client, api.LinkRequest{Code: text, LastsMillis: lasts})
		if failure := (*api.Error)(nil); !errors.As(err, &failure) || failure.Kind != api.NotFound {
			return // it is over, and the other run says how
		}
		l.complain(err)
	}
}
