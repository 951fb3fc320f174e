class_name ParleyPath
extends RefCounted
## One path to the peer: from one of our sockets to an endpoint, or the tunnel's stream (socket -1).

const DIRECT := "direct"
const RELAY := "relay"
const TUNNEL := "tunnel"
## The order in which paths are preferred.
const KINDS: Array[String] = [DIRECT, RELAY, TUNNEL]
## Socket number of the tunnel.
const STREAM := -1
## Why another path is used, for players.
const WHY := {
	"opened": "This path was opened.",
	"silent": "The path before fell silent.",
	"answers": "This path answers again.",
	"ended": "The path before ended.",
	"moved": "This machine has another address.",
}

var kind := DIRECT
var socket := 0
var address := ""
var port := 0
## Its number and proof in our probes.
var number := 0
var proof := 0
## The last answer to one of our probes.
var answered_at := -INF
## When the first probe that is not answered yet was sent; INF where there is none.
var waiting_since := INF
## Round trip, smoothed as in RFC 6298; below 0 until the first answer. `jitter_ms` is its mean deviation.
var rtt_ms := -1.0
var jitter_ms := 0.0
var opened_at := 0.0
var probe_due := 0.0
## The game's datagrams go here too until then, because the peer was heard here.
var echo_until := -INF


static func create(of_kind: String, of_socket: int, of_address: String, of_port: int, now: float) -> ParleyPath:
	var made := ParleyPath.new()
	made.kind = of_kind
	made.socket = of_socket
	made.address = of_address
	made.port = of_port
	made.proof = ParleyRandom.u32()
	made.opened_at = now
	made.probe_due = now
	return made


func is_at(of_socket: int, of_address: String, of_port: int) -> bool:
	return socket == of_socket and port == of_port and address == of_address


func measure(rtt: float) -> void:
	if rtt_ms < 0.0:
		rtt_ms = rtt
		jitter_ms = rtt / 2.0
		return
	jitter_ms += (absf(rtt - rtt_ms) - jitter_ms) / 4.0
	rtt_ms += (rtt - rtt_ms) / 8.0
