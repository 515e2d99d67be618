package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/app/words"
	"github.com/shoal-sync/shoal/discovery/pairing"
	"github.com/shoal-sync/shoal/internal/qr"
)

// entryMax bounds what is read as a code from standard input.
const entryMax = 4096

func (s *session) linkCommand() *cobra.Command {
	var request api.LinkRequest
	var to, role string
	var nearby, yes bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "link [CODE|LINK|TEXT|-]",
		Short: "Links two devices by a short code, a link, or a pick from those nearby",
		Long: "Links two devices, so that they trust each other and may share folders.\n\n" +
			"Without an argument it shows a code, a link and a picture of the link, and waits. On the " +
			"other device enter the code (`shoal link 4829-otter-maple`) or the link; - reads it from " +
			"standard input.\nWith --nearby it picks a device on the local network instead, by its name " +
			"or number; both screens then show the same words.\n" +
			"With --by-hand it needs no server and no network in common: it prints a text that you carry to " +
			"the other device by mail or chat (`shoal link TEXT` there), and waits for the text that one " +
			"prints in return. The setting stun names the server that tells both their outer addresses.\n\n" +
			"With --json it prints one line for each thing that happens, with \"event\" first: " +
			"code {code, link, expires, text}, looking {text}, question {ticket, id, name, words, offers[]}, " +
			"waiting {id, name}, carry {link, expires, name} (the text to carry; name is set in the one that is " +
			"carried back), asking {id, name, words} (another device, nearby), and in the end linked {id, name, folders[], text}.\n" +
			"It exits with 4 when nobody came in time.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is too much: put a code with spaces in quotes, or write dashes", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Role, request.LastsMillis = status.Role(role), limit.Milliseconds()
			l := &linkRun{s: s, yes: yes, in: bufio.NewReader(os.Stdin)}
			if err := l.fill(&request, args, nearby, to); err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if nearby && request.Nearby == "" {
				if request.Nearby, err = l.pick(cmd.Context(), client); err != nil || request.Nearby == "" {
					return err
				}
			}
			return l.run(cmd.Context(), client, request)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&request.Folders, "folder", nil,
		"offer this `FOLDER` (id or name) to the other device; may be given again")
	flags.StringVar(&role, "role", "", "`ROLE` of the other device in it: owner, writer or reader (default writer)")
	flags.StringVar(&to, "to", "", "`PATH` where an offered folder goes; with several, each goes into a directory there")
	flags.BoolVar(&yes, "yes", false, "do not ask, say yes")
	flags.BoolVar(&nearby, "nearby", false, "pick a device on the local network; the argument is its name, id or number")
	flags.BoolVar(&request.ByHand, "by-hand", false, "print a text to carry to the other device; it prints one to carry back")
	flags.StringArrayVar(&request.Addresses, "address", nil,
		"where the device is that shows the code, `tcp://HOST:PORT`, if it cannot be found; may be given again")
	flags.DurationVar(&limit, "timeout", 0, "`TIME` for which the code is good (default 10m), or the device is looked for (30s)")
	cmd.AddCommand(s.linkList())
	return cmd
}

func (s *session) linkList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists devices on the local network that want to be linked",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found api.Nearby
			raw, err := s.do(cmd, api.NearbyList{}, &found)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.lines(nearbyLines(s.words, found))
		},
	}
}

func nearbyLines(b words.Book, found api.Nearby) []string {
	if len(found.Devices) == 0 {
		lines := []string{b.Say("No device nearby wants to be linked. On the other one run `shoal link`."), found.Reason}
		if found.Remedy != "" {
			lines = append(lines, "    "+found.Remedy)
		}
		return lines
	}
	var lines []string
	for i, d := range found.Devices {
		line := fmt.Sprintf("%2d  ", i+1) + b.Say("%s  (%s, at %s)", status.Plain(d.Name), d.ID.Short(),
			strings.TrimPrefix(strings.Join(d.Addresses, ", "), "tcp://"))
		if d.Linked {
			line += "  " + b.Say("linked already")
		}
		lines = append(lines, line)
	}
	return lines
}

// linkRun is one run of a command that links.
type linkRun struct {
	s      *session
	yes    bool
	in     *bufio.Reader
	beside bool // another run shows how it ends
}

// fill takes over the arguments, and refuses what cannot be meant before anybody is asked.
func (l *linkRun) fill(r *api.LinkRequest, args []string, nearby bool, to string) error {
	switch {
	case nearby && len(args) == 1:
		r.Nearby = args[0]
	case len(args) == 1 && args[0] == "-":
		line, err := l.in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) || len(line) > entryMax {
			return usagef("cannot read a code from standard input: %v", err)
		}
		r.Code = strings.TrimSpace(line)
		if r.Code == "" {
			return usagef("standard input holds no code")
		}
	case len(args) == 1:
		r.Code = args[0]
		if r.Code == "" {
			return usagef("the code is empty: it looks like 4829-otter-maple")
		}
	}
	if r.Code != "" {
		if err := pairing.CheckEntry(r.Code); err != nil {
			return usageError{err}
		}
	}
	if r.Role != "" && !r.Role.Valid() {
		return usagef("--role %q: want owner, writer or reader", r.Role)
	}
	if r.LastsMillis < 0 {
		return usagef("--timeout: want a time above 0")
	}
	if r.Code != "" && len(r.Folders) > 0 {
		return usagef("--folder: folders are offered by the device that shows the code; share it afterwards with " +
			"`shoal folder share`")
	}
	if r.ByHand && (nearby || r.Code != "") {
		return usagef("--by-hand: it begins a linking, so leave --nearby and the code out; the other device enters the text")
	}
	if r.Code == "" && len(r.Addresses) > 0 {
		return usagef("--address: it tells where the device is that shows the code, so give the code too")
	}
	for _, address := range r.Addresses {
		if _, err := config.SplitAddress(address); err != nil {
			return usageError{err}
		}
	}
	if to != "" {
		if r.Code == "" {
			return usagef("--to: folders are placed by the device that enters the code")
		}
		var err error
		if r.To, err = filepath.Abs(to); err != nil {
			return fmt.Errorf("--to %s: %w", to, err)
		}
	}
	return nil
}

// pick lets a person choose from the devices nearby. Where nobody can be asked it lists
// them and picks none.
func (l *linkRun) pick(ctx context.Context, client *api.Client) (string, error) {
	raw, err := client.Do(ctx, api.NearbyList{})
	if err != nil {
		return "", err
	}
	if l.s.json {
		return "", l.s.document(raw)
	}
	var found api.Nearby
	if err := unmarshalAnswer(raw, &found); err != nil {
		return "", err
	}
	if err := l.s.lines(nearbyLines(l.s.words, found)); err != nil {
		return "", err
	}
	if len(found.Devices) == 0 {
		return "", api.Errorf(api.Timeout, "no device nearby wants to be linked")
	}
	text, err := l.ask(ctx, l.s.words.Say("Number of the device to link (nothing ends it):")+" ")
	if err != nil || text == "" {
		return "", err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(found.Devices) {
		return "", usagef("%q is none of the numbers above", text)
	}
	return found.Devices[n-1].ID.String(), nil
}

// run links and shows what happens.
func (l *linkRun) run(ctx context.Context, client *api.Client, r api.LinkRequest) error {
	err := client.Link(ctx, r, func(e api.LinkEvent) error {
		switch {
		case l.beside && e.Event == api.LinkLinked:
		case l.s.json:
			if err := l.s.document(e); err != nil {
				return err
			}
		default:
			if err := l.show(e); err != nil {
				return err
			}
		}
		if e.Event == api.LinkQuestion {
			// Asked beside the stream: the other side may end it while the person thinks.
			go l.answer(ctx, client, e)
		}
		if e.Event == api.LinkCarry && r.ByHand {
			go l.takeReply(ctx, client, r.LastsMillis)
		}
		return nil
	})
	if ctx.Err() != nil {
		return errors.New("stopped before the devices were linked; a code that was shown is dead now")
	}
	return err
}

// show tells a person what happens.
func (l *linkRun) show(e api.LinkEvent) error {
	switch e.Event {
	case api.LinkCode:
		return l.showCode(e)
	case api.LinkCarry:
		return l.showCarry(e)
	case api.LinkLooking:
		return l.s.say("Nothing found yet. %s", status.Plain(e.Text))
	case api.LinkWaiting:
		return l.s.say("Waiting for a yes at %s …", status.Plain(e.Name))
	case api.LinkQuestion:
		return l.showQuestion(e)
	case api.LinkAsking:
		return l.s.say("%s (%s) asks to be linked. If the words on its screen are:  %s\nthen run:  %s",
			status.Plain(e.Name), e.ID.Short(), e.Words, "shoal device approve "+e.ID.Short())
	case api.LinkLinked:
		lines := []string{l.s.words.Say("linked with %s (%s)", status.Plain(e.Name), e.ID)}
		for _, f := range e.Folders {
			lines = append(lines, l.s.words.Say("sharing %s at %s as %s", status.Plain(f.Name), status.Plain(f.Path), f.Role.Words(l.s.words)))
		}
		if e.Text != "" {
			lines = append(lines, status.Plain(e.Text))
		}
		return l.s.say("%s", strings.Join(lines, "\n"))
	}
	return nil // of a newer agent
}

func (l *linkRun) showCode(e api.LinkEvent) error {
	if l.s.quiet {
		return l.s.line(e.Code)
	}
	lines := []string{
		l.s.words.Say("On the other device run:    %s", "shoal link "+e.Code),
		l.s.words.Say("or enter or scan the link:  %s", e.Link), "",
	}
	lines = append(lines, l.picture(e.Link)...)
	if e.Text != "" {
		lines = append(lines, status.Plain(e.Text))
	}
	left := l.s.words.Duration(e.Expires.Sub(now()).Round(time.Second))
	return l.s.lines(append(lines, l.s.words.Say("Waiting. The code is good for %s and for one device; Ctrl-C ends it.", left)))
}

// picture draws a text for a camera, if the screen has room for it.
func (l *linkRun) picture(text string) []string {
	width, terminal := 0, false
	if file, ok := l.s.out.(*os.File); ok {
		width, _, terminal = screenSize(file)
	}
	rows, err := qr.Squares(strings.ToUpper(text)) // capital letters make a smaller picture
	if err != nil || terminal && width < len(rows)+2*qr.Quiet {
		return nil
	}
	return append(qr.Lines(rows, terminal), "")
}

func (l *linkRun) showQuestion(e api.LinkEvent) error {
	var lines []string
	if e.Words != "" {
		lines = append(lines, l.s.words.Say("The screen of %s must show the same words:  %s", status.Plain(e.Name), e.Words))
	} else {
		lines = append(lines, l.s.words.Say("The code is shown by %s (%s).", status.Plain(e.Name), e.ID.Short()))
	}
	for _, o := range e.Offers {
		lines = append(lines, l.s.words.Say("It offers %s (%s, %s), as %s. Here it would be at %s", status.Plain(o.Name),
			l.s.words.Files(int64(o.Files)), l.s.words.Bytes(int64(o.Bytes)), o.Role.Words(l.s.words), status.Plain(o.Path)))
	}
	return l.s.say("%s", strings.Join(lines, "\n"))
}

// answer asks the person, and passes the answer on.
func (l *linkRun) answer(ctx context.Context, client *api.Client, e api.LinkEvent) {
	answer := api.LinkAnswer{Ticket: e.Ticket, Yes: l.yes}
	if !answer.Yes {
		question := l.s.words.Say("Link the two devices? [y/N]")
		if e.Words != "" {
			question = l.s.words.Say("Are they the same? [y/N]")
		}
		text, err := l.ask(ctx, question+" ")
		if ctx.Err() != nil {
			return // the stream has ended, and said why
		}
		if err != nil && !errors.Is(err, io.EOF) {
			l.complain(err)
		}
		answer.Yes = isYes(text)
	}
	if answer.Yes {
		for _, o := range e.Offers {
			answer.Places = append(answer.Places, api.LinkPlace{Folder: o.ID, Path: o.Path})
		}
	}
	_, err := client.Do(ctx, answer)
	if err != nil && answer.Yes && ctx.Err() == nil {
		// A place will not do. Nothing is agreed on; the person may try again.
		l.complain(err)
		_, err = client.Do(ctx, api.LinkAnswer{Ticket: e.Ticket})
	}
	if err != nil && ctx.Err() == nil {
		l.complain(err)
	}
}

// complain reports what went wrong beside the stream, which goes on.
func (l *linkRun) complain(err error) {
	_, _ = fmt.Fprintln(l.s.errs, "shoal: "+status.Plain(err.Error())) // nobody is left to tell
}

// ask reads one line from the person, after a question if there is one. It goes to standard
// error, as standard output is for answers.
func (l *linkRun) ask(ctx context.Context, question string) (string, error) {
	if !l.s.json && question != "" {
		if _, err := io.WriteString(l.s.errs, question); err != nil {
			return "", fmt.Errorf("ask: %w", err)
		}
	}
	type read struct {
		line string
		err  error
	}
	lines := make(chan read, 1) // room for the one line, so that nobody waits for a person who left
	go func() {
		line, err := l.in.ReadString('\n')
		lines <- read{line, err}
	}()
	select {
	case r := <-lines:
		if errors.Is(r.err, io.EOF) && r.line == "" && !l.s.json && question != "" {
			_, _ = fmt.Fprintln(l.s.errs, "\n"+l.s.words.Say("Nobody answers here; --yes says yes.")) // the same goes for this
		}
		return strings.TrimSpace(r.line), r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func isYes(text string) bool {
	text = strings.ToLower(text)
	return text == "y" || text == "yes"
}

func (s *session) deviceApprove() *cobra.Command {
	var to string
	var yes bool
	cmd := &cobra.Command{
		Use:   "approve DEVICE",
		Short: "Links a device that asks; see `shoal device list`",
		Long: "Links a device that asks. Say yes only if the words here are those on the other screen; a device " +
			"that was told to trust this one by its id shows none: then compare its id.",
		Args: takes("DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l := &linkRun{s: s, yes: yes, in: bufio.NewReader(os.Stdin)}
			var r api.LinkRequest
			if to != "" {
				var err error
				if r.To, err = filepath.Abs(to); err != nil {
					return fmt.Errorf("--to %s: %w", to, err)
				}
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.Close()
			asks, err := l.sure(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			r.Approve, r.Words = asks.ID.String(), asks.Words
			return l.run(cmd.Context(), client, r)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`PATH` where an offered folder goes; with several, each goes into a directory there")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask, say yes")
	return cmd
}

// sure shows the words once more and asks, unless --yes was given. It returns whom the yes
// is to: somebody else may ask under that name while the person looks.
func (l *linkRun) sure(ctx context.Context, client *api.Client, device string) (status.Asking, error) {
	view, err := client.Status(ctx)
	if err != nil {
		return status.Asking{}, err
	}
	asks, err := api.FindAsking(view, device)
	if err != nil || l.yes {
		return asks, err
	}
	if err := l.s.lines(status.AskingLines(l.s.words, []status.Asking{asks}, now())[:2]); err != nil {
		return asks, err
	}
	text, err := l.ask(ctx, l.s.words.Say("Are they the same? [y/N]")+" ")
	if err != nil && !errors.Is(err, io.EOF) {
		return asks, err
	}
	if !isYes(text) {
		return asks, errors.New("not linked; `shoal device remove " + asks.ID.Short() + "` refuses it")
	}
	return asks, nil
}
