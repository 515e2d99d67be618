package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/shoal-sync/shoal/internal/natlab"
)

const labAsk = "SHOAL_LAB_ASK"

func TestMain(m *testing.M) {
	natlab.ServeIfAsked()
	if at := os.Getenv(labAsk); at != "" {
		found, err := Ask(context.Background(), []netip.AddrPort{netip.MustParseAddrPort(at)})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Each kind of router in the lab is told for what it is. This also holds the lab itself to
// what the tests of links believe of it.
func TestRoutersAreTold(t *testing.T) {
	if !natlab.Inside(t) {
		return
	}
	lab := natlab.New(t)
	at := lab.Teller(1)
	home := lab.NewHome(natlab.Port)
	host := home.Host()
	for kind, want := range map[natlab.Kind]Found{
		natlab.Full:      {UDP: true, Mapping: Independent, Filtering: Independent},
		natlab.Address:   {UDP: true, Mapping: Independent, Filtering: ByAddress},
		natlab.Port:      {UDP: true, Mapping: Independent, Filtering: ByPort},
		natlab.Symmetric: {UDP: true, Mapping: ByPort, Filtering: ByPort},
		natlab.NoUDP:     {},
	} {
		home.Become(kind)
		cmd := host.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), labAsk+"="+at.String())
		out, err := cmd.Output()
		var got Found
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil {
			t.Fatalf("%s: %v: %s", kind, err, out)
		}
		t.Logf("%s: %+v: %s", kind, got, got)
		got.Seen, got.Hairpin = netip.AddrPort{}, false
		if got != want {
			t.Errorf("%s: got %+v, want %+v", kind, got, want)
		}
	}
}
