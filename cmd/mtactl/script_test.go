package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
	"github.com/mtakit/mtakit/lib/queue"
)

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestPage(t *testing.T) {
	clitest.Page(t, app(), "mtactl.1")
	clitest.Members(t, "mtactl.1", "JSON of status", queue.StatusRow{})
	clitest.Members(t, "mtactl.1", "JSON of check", finding{})
	clitest.Members(t, "mtactl.1", "JSON of ping", pong{})
	clitest.Members(t, "mtactl.1", "JSON of trace", traced{})
}
