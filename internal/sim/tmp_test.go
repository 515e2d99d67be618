package sim
import ("testing";"os")
func TestTmp(t *testing.T) {
	o := Calm(3)
	o.Name, o.Nodes, o.Degree, o.Files, o.Owners = "large", 200, 8, 50, 1
	o.Pieces, o.Rounds, o.Busy, o.EncodeEvery = 64, 1, 0, 100
	f,_ := os.Create("/tmp/tl"); defer f.Close()
	o.Trace = func(s string){ f.WriteString(s)}
	r, err := Run(o)
	t.Logf("%+v %v", r, err)
}
