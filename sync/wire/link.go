package wire

import "encoding/binary"

func (Hello) kind() byte { return typeHello }

func (m Hello) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, m.Version)
	b = appendText(b, m.Name, NameMax)
	return appendText(b, m.Client, NameMax)
}

func (m Hello) size() int {
	return uvarintLen(m.Version) + textSize(m.Name, NameMax) + textSize(m.Client, NameMax)
}

func parseHello(r *reader) Hello {
	return Hello{
		Version: r.number("version"),
		Name:    r.text("name", NameMax),
		Client:  r.text("client", NameMax),
	}
}

func (Ping) kind() byte { return typePing }

func (m Ping) appendTo(b []byte) []byte { return binary.AppendUvarint(b, m.Nonce) }

func (m Ping) size() int { return uvarintLen(m.Nonce) }

func parsePing(r *reader) Ping { return Ping{Nonce: r.number("nonce")} }

func (Pong) kind() byte { return typePong }

func (m Pong) appendTo(b []byte) []byte { return binary.AppendUvarint(b, m.Nonce) }

func (m Pong) size() int { return uvarintLen(m.Nonce) }

func parsePong(r *reader) Pong { return Pong{Nonce: r.number("nonce")} }

func (Goodbye) kind() byte { return typeGoodbye }

func (m Goodbye) appendTo(b []byte) []byte { return appendText(b, m.Reason, ReasonMax) }

func (m Goodbye) size() int { return textSize(m.Reason, ReasonMax) }

func parseGoodbye(r *reader) Goodbye { return Goodbye{Reason: r.text("reason", ReasonMax)} }
