package host

import (
	"reflect"
	"testing"

	"github.com/shoal-sync/shoal/app/api"
)

// Whatever can be asked of an agent, it can do.
func TestEveryIntentIsADeed(t *testing.T) {
	all := api.Intents()
	for _, intent := range all {
		if _, known := deeds[reflect.TypeOf(intent)]; !known {
			t.Errorf("nothing carries out %T", intent)
		}
	}
	if len(deeds) != len(all) {
		t.Errorf("there are %d deeds for %d kinds of intents", len(deeds), len(all))
	}
}
