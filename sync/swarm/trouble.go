package swarm

import "fmt"

// trouble counts what a peer does that it should not. It is for people: what is done about
// each is done where it happens.
type trouble struct {
	stalls  int // times it left everything unanswered, since it last sent a piece
	busy    int // times it sent us away
	lacked  int // times it turned out not to have what it said
	dropped int // questions it asked too fast to be answered
}

// reason says what is wrong with a peer, the worst first; empty when nothing is.
func (c *Core) reason(s *source) string {
	t := &s.trouble
	switch {
	case s.banned:
		return "it sent content that is not what it claims to be"
	case t.stalls > 0:
		return "it leaves unanswered what it is asked for" + times(t.stalls)
	case s.bad > 0:
		return "a piece that it sent was not what it claims to be"
	case t.lacked > 0:
		return "it did not have what it said it had" + times(t.lacked)
	case t.dropped > 0:
		return "it asks faster than it can be answered" + times(t.dropped)
	case s.pause > c.now:
		return "it is busy with others" + times(t.busy)
	}
	return ""
}

func times(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}
