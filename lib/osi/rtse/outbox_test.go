package rtse

import "testing"

// A small object is written at once, from the start of its activity to its end, with
// checkpoints and without: what the peer must have to answer does not come to it in three pieces.
func TestSmallObjectIsOneWrite(t *testing.T) {
	for _, checkpoint := range []int{-1, 64} {
		i, r := pipe(t)
		ri := &recorder{Conn: i}
		config := testConfig("A")
		config.CheckpointSize = checkpoint
		a, b := associateOn(t, ri, r, config, testConfig("B"))
		for range 3 {
			before := ri.writes()
			send(t, a, b, value(1000))
			if n := ri.writes() - before; n != 1 {
				t.Errorf("checkpoint size %d: %d writes", checkpoint, n)
			}
		}
		// What is not sent whole at once comes all the same.
		send(t, a, b, value(1_000_000))
	}
}
