package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
)

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestPage(t *testing.T) { clitest.Page(t, app(nil), "mtarun.8") }
