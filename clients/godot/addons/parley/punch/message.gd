class_name ParleyMessage
extends RefCounted
## What peers send each other inside a sealed datagram. The first byte is the kind.
##
## [codeblock]
## 0 | payload ...                                                         data: the game's own
## 1 | flags | way (2) | proof (4) | time (4) | zeros (19)                 probe: do you receive me on this way?
## 2 | flags | way (2) | proof (4) | time (4) | family | port (2) | address answer: yes, and I saw you there
## [/codeblock]
##
## Numbers are big-endian. `way`, `proof` and `time` are the prober's and come back unchanged. Flag 1: the way is chosen.

const DATA := 0
const PROBE := 1
const ANSWER := 2
const HEAD_BYTES := 12
const PROBE_BYTES := 31

var kind := PROBE
var way := 0
var proof := 0
## The prober's clock in milliseconds, modulo 2^32.
var time := 0
var chosen := false


static func probe(way_number: int, way_proof: int, now: float, is_chosen: bool) -> PackedByteArray:
	var out := _head(PROBE, way_number, way_proof, int(now), is_chosen)
	out.resize(PROBE_BYTES)
	for at in range(HEAD_BYTES, PROBE_BYTES):
		out[at] = 0
	return out


## The answer to this probe, which came from `address` and `port`; an empty address where that is not told.
func answer(address: String, port: int) -> PackedByteArray:
	var out := _head(ANSWER, way, proof, time, chosen)
	if address == "":
		out.append(0)
		return out
	var bytes := ParleyAddresses.to_bytes(address)
	out.append_array(PackedByteArray([4 if bytes.size() == 4 else 6, port >> 8, port & 0xFF]))
	out.append_array(bytes)
	return out


## A probe or an answer, or null.
static func read(bytes: PackedByteArray) -> ParleyMessage:
	if bytes.size() < HEAD_BYTES or (bytes[0] != PROBE and bytes[0] != ANSWER):
		return null
	if bytes[0] == PROBE and bytes.size() < PROBE_BYTES:
		return null
	var message := ParleyMessage.new()
	message.kind = bytes[0]
	message.chosen = bytes[1] & 1 == 1
	message.way = (bytes[2] << 8) | bytes[3]
	message.proof = (bytes[4] << 24) | (bytes[5] << 16) | (bytes[6] << 8) | bytes[7]
	message.time = (bytes[8] << 24) | (bytes[9] << 16) | (bytes[10] << 8) | bytes[11]
	return message


## Milliseconds since a time that came back.
static func since(sent: int, now: float) -> float:
	return float((int(now) - sent) & 0xFFFFFFFF)


static func _head(of_kind: int, n: int, p: int, t: int, is_chosen: bool) -> PackedByteArray:
	return PackedByteArray([
		of_kind, 1 if is_chosen else 0, (n >> 8) & 0xFF, n & 0xFF,
		(p >> 24) & 0xFF, (p >> 16) & 0xFF, (p >> 8) & 0xFF, p & 0xFF,
		(t >> 24) & 0xFF, (t >> 16) & 0xFF, (t >> 8) & 0xFF, t & 0xFF,
	])
