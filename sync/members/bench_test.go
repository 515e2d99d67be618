package members

import (
	"encoding/binary"
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
)

// BenchmarkThousandMembers reads the list of a folder with a thousand members, as an agent
// does when it starts: every signature is checked.
func BenchmarkThousandMembers(b *testing.B) {
	a := people(1)[0]
	for i := range uint64(1000) {
		var d ident.DeviceID
		binary.BigEndian.PutUint64(d[:], i+1)
		a.says(b, &person{id: d}, Writer)
	}
	list := a.m.Append(nil)
	for b.Loop() {
		m, err := ParseMap(a.m.folder, list)
		if err != nil || len(m.Members()) != 1001 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(list)), "bytes")
}
