package wire

import (
	"errors"
	"fmt"
	"math/bits"
)

// The type bytes. A number, once given to a message, is never given to another one.
const (
	typeHello        = 1
	typePing         = 2
	typePong         = 3
	typeGoodbye      = 4
	typeJoin         = 5
	typeRefuse       = 6
	typeState        = 7
	typeRows         = 8
	typeRowsTaken    = 9
	typeWantHave     = 10
	typeHave         = 11
	typeAskRecipes   = 12
	typeRecipes      = 13
	typeAskPieces    = 14
	typeCancelPieces = 15
	typeSlice        = 16
	typeNoPiece      = 17
	typeReplicas     = 18
	typeAskParts     = 20
	typeParts        = 21
	typeAskEntries   = 22
	typeAskDeleted   = 23
	typeFound        = 24
	typeHorizon      = 25
	typeSignedRoot   = 26
	typeAskGone      = 27

	typeRoster      = 30
	typeRecords     = 31
	typeWhereabouts = 32
	typeAskNames    = 36
	typeNamesFound  = 37
	typeAskTrash    = 40
	typeTrashHeld   = 41
	typeChecked     = 42
	typeDeletesHeld = 47
	typeClock       = 50
	typeOffers      = 51

	typeYieldPieces = 60

	typeCard    = 90
	typeAskCard = 91
	typeCarry   = 92
	typeCarried = 93

	typeAskRelease     = 95
	typeAskReleasePart = 96
	typeReleaseTold    = 97
)

// ErrUnknownType reports a frame of a message that only newer programs know. The host
// skips it and keeps the link.
var ErrUnknownType = errors.New("unknown message type")

// ErrMalformed reports a frame that breaks the layout or a limit. The host ends the link.
var ErrMalformed = errors.New("malformed frame")

// body is what every message can do besides being one.
type body interface {
	kind() byte
	appendTo(b []byte) []byte
	size() int
}

// Append appends the frame of m to b and returns the longer slice. Texts for people
// (names, clients, reasons) are cut to their limit; nothing else is checked: a message
// beyond another limit is refused by whoever parses it. The caller keeps frames within
// FrameMax.
func Append(b []byte, m Message) []byte {
	known := bodyOf(m)
	return known.appendTo(append(b, known.kind()))
}

// Size returns the length of the frame that Append would write, without writing it.
func Size(m Message) int { return 1 + bodyOf(m).size() }

// Parse reads one frame. Slice.Body and RecipePart.Body point into frame and are valid as
// long as it is; all else is copied. A frame of unknown type gives ErrUnknownType, a
// broken one an error that wraps ErrMalformed and names the message and the field.
//
// What Parse accepts is canonical: Append writes the same bytes again, up to those a newer
// program may have added behind the last field.
func Parse(frame []byte) (Message, error) {
	if len(frame) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	if len(frame) > FrameMax {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrMalformed, len(frame), FrameMax)
	}
	r := reader{rest: frame[1:], item: noItem}
	m := parseBody(frame[0], &r)
	if m == nil {
		return nil, fmt.Errorf("%w %d", ErrUnknownType, frame[0])
	}
	if r.err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrMalformed, m, r.err)
	}
	return m, nil
}

func parseBody(kind byte, r *reader) Message {
	switch kind {
	case typeHello:
		return parseHello(r)
	case typePing:
		return parsePing(r)
	case typePong:
		return parsePong(r)
	case typeGoodbye:
		return parseGoodbye(r)
	case typeJoin:
		return parseJoin(r)
	case typeRefuse:
		return parseRefuse(r)
	case typeState:
		return parseState(r)
	case typeRows:
		return parseRows(r)
	case typeRowsTaken:
		return parseRowsTaken(r)
	case typeWantHave:
		return parseWantHave(r)
	case typeHave:
		return parseHave(r)
	case typeAskRecipes:
		return parseAskRecipes(r)
	case typeRecipes:
		return parseRecipes(r)
	case typeAskPieces:
		return parseAskPieces(r)
	case typeCancelPieces:
		return parseCancelPieces(r)
	case typeSlice:
		return parseSlice(r)
	case typeNoPiece:
		return parseNoPiece(r)
	case typeReplicas:
		return parseReplicas(r)
	case typeRoster:
		return parseRoster(r)
	case typeRecords:
		return parseRecords(r)
	case typeWhereabouts:
		return parseWhereabouts(r)
	case typeClock:
		return parseClock(r)
	case typeOffers:
		return parseOffers(r)
	case typeChecked:
		return parseChecked(r)
	case typeDeletesHeld:
		return parseDeletesHeld(r)
	case typeYieldPieces:
		return parseYieldPieces(r)
	}
	if m := parseRepair(kind, r); m != nil {
		return m
	}
	return parseQuestion(kind, r)
}

// parseQuestion is parseBody for what people ask other devices.
func parseQuestion(kind byte, r *reader) Message {
	switch kind {
	case typeAskNames:
		return parseAskNames(r)
	case typeNamesFound:
		return parseNamesFound(r)
	case typeAskTrash:
		return parseAskTrash(r)
	case typeTrashHeld:
		return parseTrashHeld(r)
	case typeProspect:
		return parseProspect(r)
	case typeProspectEnded:
		return parseProspectEnded(r)
	}
	return parseLetters(kind, r)
}

// parseRepair reads what is said to find out how two replicas differ.
func parseRepair(kind byte, r *reader) Message {
	switch kind {
	case typeAskParts:
		return parseAskParts(r)
	case typeParts:
		return parseParts(r)
	case typeAskEntries:
		return parseAskEntries(r)
	case typeAskDeleted:
		return parseAskDeleted(r)
	case typeFound:
		return parseFound(r)
	case typeHorizon:
		return parseHorizon(r)
	case typeSignedRoot:
		return parseSignedRoot(r)
	case typeAskGone:
		return parseAskGone(r)
	}
	return nil
}

func bodyOf(m Message) body {
	known, ok := m.(body)
	if !ok {
		panic(fmt.Sprintf("bug: wire: %T is no message that can be encoded", m))
	}
	return known
}

// uvarintLen returns how many bytes binary.AppendUvarint writes for x.
func uvarintLen(x uint64) int { return (bits.Len64(x|1) + 6) / 7 }
