package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// LinkRequest begins to link two devices. Without Code, Nearby, Approve and ByHand this
// device shows a code. The request lasts as long as it takes: when its connection ends
// before, the code is dead.
type LinkRequest struct {
	// Code is a code, a link, an invitation or its reply, as a person entered it.
	Code string `json:"code,omitempty"`
	// Addresses are where the device that shows the code is, of the form tcp://HOST:PORT;
	// without any it is looked for.
	Addresses []string `json:"addresses,omitempty"`
	// Nearby is the id or name of a device nearby that is to be asked.
	Nearby string `json:"nearby,omitempty"`
	// Approve is the whole id of a device that asks, and Words are those that the person
	// saw of it, empty when it shows none: a yes is to what was seen, whoever asks by now.
	Approve string `json:"approve,omitempty"`
	Words   string `json:"words,omitempty"`
	// ByHand makes an invitation that people carry instead of showing a code: it ends once
	// its reply has been brought, in the Code of another request.
	ByHand bool `json:"by_hand,omitempty"`
	// Places are where offered folders go; with Approve alone, for others see LinkAnswer.
	Places []LinkPlace `json:"places,omitempty"`
	// To is where an offered folder is proposed to go instead of the usual place.
	To string `json:"to,omitempty"`
	// Folders are offered to the other device, as ids or names, in the given Role.
	Folders []string    `json:"folders,omitempty"`
	Role    status.Role `json:"role,omitempty"`
	// LastsMillis is how long a code is good, or a device is looked for; zero is as usual.
	LastsMillis int64 `json:"lasts_ms,omitempty"`
}

// LinkPlace is where an offered folder goes, as an absolute path.
type LinkPlace struct {
	Folder ident.FolderID `json:"folder"`
	Path   string         `json:"path"`
}

// LinkAnswer answers the question of a LinkEvent. There is no result.
type LinkAnswer struct {
	Ticket uint64      `json:"ticket"`
	Yes    bool        `json:"yes"`
	Places []LinkPlace `json:"places,omitempty"`
}

func (LinkAnswer) intent() {}

// Nothing is the result of an intent that has none.
type Nothing struct{}

// NearbyList asks which devices on the local network want to be linked. The result is a
// Nearby.
type NearbyList struct{}

func (NearbyList) intent() {}

// Nearby are the devices on the local network that want to be linked, by their own account.
type Nearby struct {
	Devices []NearbyDevice `json:"devices"`
	// Reason says why there may be none; it is empty when there are some.
	Reason string `json:"reason"`
	// Cause is what Reason explains, as one of the words below or one of a newer agent.
	Cause Cause `json:"cause,omitempty"`
	// Remedy is a command that a person may run, empty when none is known to help.
	Remedy string `json:"remedy,omitempty"`
}

// Cause is why there may be no devices nearby.
type Cause string

// The causes.
const (
	LookingOff  Cause = "off"        // devices nearby are not looked for
	LocalOnly   Cause = "local-only" // the agent listens on its own computer alone
	NoNetwork   Cause = "no-network"
	NoMulticast Cause = "no-multicast" // nothing can be sent to the local network
	PortTaken   Cause = "port-taken"   // another program keeps the port of multicast DNS
	Firewall    Cause = "firewall"     // a firewall of this computer is in the way
	OthersHeard Cause = "others-heard" // others are heard, who do not want to be linked
	NobodyHeard Cause = "nobody-heard"
)

// NearbyDevice is one of them.
type NearbyDevice struct {
	ID        ident.DeviceID `json:"id"`
	Name      string         `json:"name"`
	Addresses []string       `json:"addresses"`
	// Linked is true when this device trusts it already.
	Linked bool `json:"linked"`
}

// The words for what happens while two devices link.
const (
	// Code, Link and Expires are filled: show them. Text says why the code alone may find
	// nobody, empty when nothing is known to stand in its way.
	LinkCode     = "code"
	LinkLooking  = "looking"  // nothing was found yet; Text says why that may be
	LinkQuestion = "question" // Ticket, Name, Words and Offers are filled: ask the person
	LinkWaiting  = "waiting"  // the person at the other device has to say yes
	// Link and Expires are filled: the person is to carry the text to the other device. It
	// is an invitation, or with Name the reply to that device's.
	LinkCarry  = "carry"
	LinkAsking = "asking" // while a code is shown, another device asks; see status.Asking
	LinkLinked = "linked" // the end: both devices trust each other; see ID and Folders
	LinkEnded  = "ended"  // the end: Kind and Text say why nothing came of it
)

// LinkEvent is one thing that happens while two devices link. Fields that do not apply are
// left out of the JSON.
type LinkEvent struct {
	Event   string         `json:"event"`
	Code    string         `json:"code,omitempty"`
	Link    string         `json:"link,omitempty"`
	Expires status.Moment  `json:"expires,omitzero"`
	Ticket  uint64         `json:"ticket,omitempty"`
	ID      ident.DeviceID `json:"id,omitzero"`
	Name    string         `json:"name,omitempty"`
	Words   string         `json:"words,omitempty"`
	Offers  []LinkFolder   `json:"offers,omitempty"`
	Folders []LinkFolder   `json:"folders,omitempty"`
	Kind    ErrorKind      `json:"kind,omitempty"`
	Text    string         `json:"text,omitempty"`
}

// LinkFolder is a folder that is offered or, in the end, shared. Path is where it is here,
// or where it is proposed to go.
type LinkFolder struct {
	ID    ident.FolderID `json:"id"`
	Name  string         `json:"name"`
	Role  status.Role    `json:"role"`
	Path  string         `json:"path"`
	Files uint64         `json:"files"`
	Bytes uint64         `json:"bytes"`
}

// MarshalJSON writes the folders of a finished linking even if there are none, so that
// scripts can loop over them.
func (e LinkEvent) MarshalJSON() ([]byte, error) {
	type plain LinkEvent
	if e.Event != LinkLinked {
		return json.Marshal(plain(e))
	}
	type whole struct {
		plain
		Folders []LinkFolder `json:"folders"`
	}
	out := whole{plain(e), e.Folders}
	if out.Folders == nil {
		out.Folders = []LinkFolder{}
	}
	return json.Marshal(out)
}

// ParseLinkRequest reads the body of a request to link.
func ParseLinkRequest(body []byte) (r LinkRequest, err error) { return r, strictly(body, &r) }

// errLinked ends the stream of events after its last one.
var errLinked = errors.New("linked")

// Link links two devices and delivers what happens. It returns nil once they are linked,
// the reason why they are not, or the error of deliver.
func (c *Client) Link(ctx context.Context, r LinkRequest, deliver func(LinkEvent) error) error {
	answer, err := c.send(ctx, "/v1/link", r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var ours error
	err = readLines(answer.Body, func(e LinkEvent) error {
		switch e.Event {
		case LinkEnded:
			ours = &Error{Kind: e.Kind, Text: e.Text}
		case LinkLinked:
			if ours = deliver(e); ours == nil {
				ours = errLinked
			}
		default:
			ours = deliver(e)
		}
		return ours
	})
	switch {
	case errors.Is(ours, errLinked):
		return nil
	case ours != nil:
		return ours
	}
	return c.explain(ctx, err)
}

// FindAsking returns the one device that asks and is named by text: its id, the first
// group of it, or its name.
func FindAsking(v status.View, text string) (status.Asking, error) {
	id, err := ident.ParseDevice(text)
	isID := err == nil
	var found []status.Asking
	var ids []string
	for _, a := range v.Asking {
		if isID && a.ID == id {
			return a, nil
		}
		if isID {
			continue // a name that is spelled as somebody's id is not that device
		}
		if a.Name == text || strings.EqualFold(a.ID.Short(), text) {
			found, ids = append(found, a), append(ids, a.ID.String())
		}
	}
	switch len(found) {
	case 0:
		return status.Asking{}, Errorf(NotFound, "no device that is called %q asks to be linked; see `shoal device list`", text)
	case 1:
		return found[0], nil
	}
	return status.Asking{}, Errorf(Failed, "%d devices that ask are called %q; use one of their ids instead: %s",
		len(found), text, strings.Join(ids, ", "))
}
