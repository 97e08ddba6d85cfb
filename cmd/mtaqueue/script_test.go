package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
	"github.com/mtakit/mtakit/lib/queue"
)

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestPage(t *testing.T) {
	clitest.Page(t, app(), "mtaqueue.1")
	for subsection, value := range map[string]any{
		"JSON of list": queue.Row{}, "JSON of show": shown{}, "JSON of tree": queue.ChannelRow{},
		"JSON of a peer in tree": queue.PeerRow{}, "JSON of the verbs that change something": queue.ActRow{},
	} {
		clitest.Members(t, "mtaqueue.1", subsection, value)
	}
}
