package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/bench"
	"github.com/mtakit/mtakit/lib/cli/clitest"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/simulate"
	"github.com/mtakit/mtakit/lib/trial"
)

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestPage(t *testing.T) {
	clitest.Page(t, app(), "mtactl.1", "mtactl-bench.1", "mtactl-label.1", "mtactl-policy.1", "mtactl-simulate.1", "mtactl-smime.1", "mtactl-selftest.1")
	clitest.Members(t, "mtactl.1", "JSON of status", condition{})
	clitest.Members(t, "mtactl.1", "JSON of config check", verdict{})
	clitest.Members(t, "mtactl.1", "JSON of check", finding{})
	clitest.Members(t, "mtactl.1", "JSON of ping", pong{})
	clitest.Members(t, "mtactl.1", "JSON of trace", traced{})
	clitest.Members(t, "mtactl.1", "JSON of report", report.Explanation{})
	clitest.Members(t, "mtactl.1", "JSON of a recipient of report", report.Advice{})
	clitest.Members(t, "mtactl.1", "JSON of decode", decode.Node{})
	clitest.Members(t, "mtactl-bench.1", "JSON of source", sourceFigures{})
	clitest.Members(t, "mtactl-bench.1", "JSON of sink", sinkFigures{})
	clitest.Members(t, "mtactl-bench.1", "JSON of relay", relayFigures{})
	clitest.Members(t, "mtactl-bench.1", "JSON of spool", bench.Accepted{})
	clitest.Members(t, "mtactl-bench.1", "JSON of sched", bench.Scheduled{})
	clitest.Members(t, "mtactl-selftest.1", "JSON of selftest", tested{})
	clitest.Members(t, "mtactl-selftest.1", "JSON of the self-test in status", queue.SelfTestRow{})
	clitest.Members(t, "mtactl-smime.1", "JSON of verify", cms.MessageVerdict{})
	clitest.Members(t, "mtactl-smime.1", "JSON of a signer", cms.SignerVerdict{})
	clitest.Members(t, "mtactl-smime.1", "JSON of a certificate", cms.PathStep{})
	clitest.Members(t, "mtactl-smime.1", "JSON of show", cms.Layer{})
	clitest.Members(t, "mtactl-label.1", "JSON of parse", labelRecord{})
	clitest.Members(t, "mtactl-label.1", "JSON of a category", categoryRecord{})
	clitest.Members(t, "mtactl-label.1", "JSON of a verdict", verdictRecord{})
	clitest.Members(t, "mtactl-label.1", "JSON of a reason", spif.Reason{})
	clitest.Members(t, "mtactl-policy.1", "JSON of a recipient", trial.Recipient{})
	clitest.Members(t, "mtactl-policy.1", "JSON of a case", trial.Result{})
	clitest.Members(t, "mtactl-policy.1", "JSON of an untested rule", trial.Untested{})
	clitest.Members(t, "mtactl-simulate.1", "JSON of simulate", simulate.Figures{})
	clitest.Members(t, "mtactl-simulate.1", "JSON of a class", simulate.Class{})
	clitest.Members(t, "mtactl-simulate.1", "JSON of a channel", simulate.ChannelFigures{})
	clitest.Members(t, "mtactl-simulate.1", "JSON of a peer", simulate.PeerFigures{})
	clitest.Members(t, "mtactl-simulate.1", "JSON of the series", simulate.Sample{})
}
