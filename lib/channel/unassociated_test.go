package channel

import (
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
)

// What is in progress goes by the settings it began with, and has ended when it is aborted:
// another process may begin the same.
func TestUnassociatedJobs(t *testing.T) {
	begun, ended := make(chan int), make(chan int, 2)
	var u *Unassociated[int]
	u = NewUnassociated(&Host{Name: "x"}, func(s *int, _ Job) []Result {
		begun <- *s
		<-u.Ctx.Done()
		ended <- *s
		return nil
	})
	cfg := &conf.Config{}
	for i, jobs := range []int{3, 5} {
		cfg.Channels = []conf.Channel{{Name: "x", MaxJobs: jobs}}
		u.Use(cfg, &i)
		if c := u.Capacity(); c != (Capacity{Jobs: jobs}) {
			t.Errorf("%+v", c)
		}
		u.Do(Job{})
		if s := <-begun; s != i {
			t.Errorf("a job began with settings %d, want %d", s, i)
		}
	}
	u.Abort()
	if len(ended) != 2 || <-ended+<-ended != 1 {
		t.Error("what was begun goes on, or went by others' settings")
	}
}
