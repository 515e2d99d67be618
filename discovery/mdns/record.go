package mdns

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"

	"github.com/shoal-sync/shoal/internal/ident"
)

const (
	service     = "_shoal._tcp.local."
	subtypes    = "._sub." + service
	enumeration = "_services._dns-sd._udp.local."
	// lifetime is told with every record, in seconds. Tags live an hour at most, so nobody
	// is to keep them long.
	lifetime = 120
)

// What a question asks for: an answer from everybody, only from devices that are linked
// with the asker and not connected to it, or only from those that want to be linked.
const (
	everybody = 'e'
	linked    = 'l'
	linking   = 'm'
)

// nameMax bounds the name that a device tells, in bytes.
const nameMax = 64

// slotMax is the highest number that a code can begin with.
const slotMax = 9999

// question is what one device asks on one interface, in one family.
type question struct {
	want   byte // everybody, linked or linking
	family byte // '4' or '6': the one it is asked in, and the answer comes in
	nonce  uint32
	asker  tag
}

// name is the question as a DNS name.
func (q question) name() string {
	return fmt.Sprintf("%c%c%08x%s%s", q.want, q.family, q.nonce, q.asker, subtypes)
}

// parseQuestion reads exactly what name writes, whatever the case: DNS names have none.
func parseQuestion(name string) (q question, ok bool) {
	label, ok := strings.CutSuffix(strings.ToLower(name), subtypes)
	if !ok || len(label) != 2+8+2*len(tag{}) {
		return q, false
	}
	nonce, err := strconv.ParseUint(label[2:10], 16, 32)
	asker, ok := parseTag(label[10:])
	q = question{want: label[0], family: label[1], nonce: uint32(nonce), asker: asker}
	ok = ok && err == nil && (q.want == everybody || q.want == linked || q.want == linking) &&
		(q.family == '4' || q.family == '6')
	return q, ok
}

// card is what a device tells of itself.
type card struct {
	tag      tag
	protocol uint64
	port     uint16
	// Only a device that wants to be linked fills these. Slot is 0 when it shows no code.
	device ident.DeviceID
	name   string
	slot   uint16
}

func (c card) instance() string { return c.tag.String() + "." + service }

// answer is the whole answer to a question for the service, under the name it was asked by.
func (c card) answer(asked string) []dns.RR {
	return append([]dns.RR{&dns.PTR{Hdr: header(asked, dns.TypePTR), Ptr: c.instance()}}, c.details()...)
}

// details are the records of the instance. There is no host name and no address in them:
// the address of a device is where its answer comes from.
func (c card) details() []dns.RR {
	text := []string{"v=" + strconv.FormatUint(c.protocol, 10)}
	if !c.device.IsZero() {
		// The library reads escapes here: a backslash is written as two.
		name := strings.ReplaceAll(c.name, `\`, `\\`)
		text = append(text, "id="+c.device.String(), "n="+name)
	}
	if c.slot != 0 {
		text = append(text, "s="+strconv.Itoa(int(c.slot)))
	}
	return []dns.RR{
		&dns.SRV{Hdr: header(c.instance(), dns.TypeSRV), Port: c.port, Target: c.tag.String() + ".local."},
		&dns.TXT{Hdr: header(c.instance(), dns.TypeTXT), Txt: text},
	}
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: lifetime}
}

// parseAnswer reads an answer. It returns the name that was asked for and what the device
// tells; anything that is not the answer of a shoal is not ok.
func parseAnswer(packet []byte) (asked string, c card, ok bool) {
	var m dns.Msg
	if err := m.Unpack(packet); err != nil || !m.Response {
		return "", c, false
	}
	instance := ""
	for _, record := range m.Answer {
		if r, is := record.(*dns.PTR); is && instance == "" {
			asked, instance = strings.ToLower(r.Hdr.Name), strings.ToLower(r.Ptr)
		}
	}
	label, isOurs := strings.CutSuffix(instance, "."+service)
	if c.tag, ok = parseTag(label); !ok || !isOurs {
		return "", c, false
	}
	for _, record := range append(m.Answer, m.Extra...) {
		if strings.ToLower(record.Header().Name) != instance {
			continue
		}
		switch r := record.(type) {
		case *dns.SRV:
			c.port = r.Port
		case *dns.TXT:
			c.read(r.Txt)
		}
	}
	return asked, c, c.port != 0 && c.protocol != 0
}

// read takes over the text of a TXT record. What cannot be read is left out; unknown keys
// are of newer programs.
func (c *card) read(text []string) {
	for _, line := range text {
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch key {
		case "v":
			if v, err := strconv.ParseUint(value, 10, 32); err == nil {
				c.protocol = v
			}
		case "id":
			if d, err := ident.ParseDevice(value); err == nil {
				c.device = d
			}
		case "n":
			// The library has written escapes for us to read.
			if name := unescaped(value); len(name) <= nameMax && utf8.ValidString(name) {
				c.name = name
			}
		case "s":
			if slot, err := strconv.ParseUint(value, 10, 16); err == nil && slot <= slotMax {
				c.slot = uint16(slot)
			}
		}
	}
}

// unescaped undoes what the DNS library does to text it reads: a backslash stands before
// quotes and backslashes, and before three digits that stand for a byte.
func unescaped(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		if n, err := strconv.ParseUint(text[i+1:min(i+4, len(text))], 10, 8); err == nil && i+4 <= len(text) {
			out = append(out, byte(n))
			i += 3
			continue
		}
		i++
		out = append(out, text[i])
	}
	return string(out)
}
