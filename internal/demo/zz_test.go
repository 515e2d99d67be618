package main
import ("testing";"time";"syscall";"os")
func cpu() (u, s float64) { var r syscall.Rusage; syscall.Getrusage(0,&r); return float64(r.Utime.Sec)+float64(r.Utime.Usec)/1e6, float64(r.Stime.Sec)+float64(r.Stime.Usec)/1e6 }
func TestGrow(t *testing.T){
 d,_:=os.MkdirTemp("","growth"); defer os.RemoveAll(d)
 lap:=func(n string, f func()) { u,s:=cpu(); t0:=time.Now(); f(); u2,s2:=cpu(); t.Logf("%s wall %v user %.2f sys %.2f", n, time.Since(t0), u2-u,s2-s) }
 lap("plant", func(){ g:=&grower{root:d}; g.plant(g.copied(goTree(),12000)) })
 lap("big", func(){ g:=&grower{root:d}; g.big(300<<20) })
 lap("survey", func(){ survey(d) })
 lap("remove", func(){ os.RemoveAll(d) })
}
