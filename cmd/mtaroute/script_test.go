package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
	"github.com/mtakit/mtakit/lib/route"
)

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestPage(t *testing.T) {
	clitest.Page(t, app(), "mtaroute.1")
	clitest.Members(t, "mtaroute.1", "JSON of no verb", hop{})
	clitest.Members(t, "mtaroute.1", "JSON of test and diff", difference{})
	clitest.Members(t, "mtaroute.1", "JSON of explain", route.Explanation{})
}
