class_name ParleyRelayEnd
extends RefCounted
## This side's end of a connection's relay: entered until it answers, and again from time to time; or its WebSocket, where UDP
## does not get there.

## The entry datagram is repeated until the relay answers, and then at this interval: the router may change the port at any time.
const PROOF_AGAIN_MS := 100.0
const PROOF_KEEP_MS := 10_000.0
## A relay that has not answered this many questions is not reached.
const PROOFS_IN_VAIN := 3

## Datagrams of the WebSocket that may wait; of more, the oldest are lost.
const CAME_MAX := 1_024

## What came over the WebSocket and was not taken in yet.
var came: Array[PackedByteArray] = []
## Receipts of the playing socket by the sidecar's address.
var receipts := {}
var _worker: ParleyWorker
var _relay := {}
var _proof: ParleyQuestions.Question = null
var _prove_at := INF
var _receipt := "-"
var _unproved := 0
var _tunnel: ParleyTunnel = null


func _init(worker: ParleyWorker) -> void:
	_worker = worker


var is_none: bool:
	get:
		return _relay.is_empty()


## It has not failed to answer.
var is_usable: bool:
	get:
		return not _relay.is_empty() and _unproved == 0


## `{address, port}`; empty where there is none.
var endpoint: Dictionary:
	get:
		return {"address": _relay["address"], "port": _relay["port"]} if not _relay.is_empty() else {}


func is_at(relay: Dictionary) -> bool:
	return relay["ticket"] == _relay.get("ticket")


## Another relay, `{address, port, ticket, tunnel}`.
func begin(relay: Dictionary, selector: ParleyPathSelector, now: float) -> void:
	_relay = relay
	_unproved = 0
	_proof = null
	_prove_at = now
	_receipt = receipts.get(relay["address"], "-")
	_end_tunnel(selector, now)


## It is given back.
func leave(selector: ParleyPathSelector, now: float) -> void:
	_relay = {}
	_proof = null
	_prove_at = INF
	_unproved = 0
	selector.end(ParleyPath.RELAY, now)
	_end_tunnel(selector, now)


## It does not work: the next introduction brings another one.
func forget() -> void:
	_unproved = maxi(_unproved, 1)


## This machine has another address.
func moved(now: float) -> void:
	if not _relay.is_empty():
		_proof = null
		_receipt = "-"
		_prove_at = now


func prove_again(now: float) -> void:
	_prove_at = minf(_prove_at, now)


func close() -> void:
	came.clear()
	if _tunnel != null:
		_tunnel.close()
		_tunnel = null


## Enters it where that is due: with the receipt of an observation, or with the one that the relay's own port sends back. True
## where it is silent.
func prove(remote: ParleyRemote, now: float) -> bool:
	if _relay.is_empty():
		return false
	if _proof == null:
		if now >= _prove_at and remote.sockets.bind(remote.socket):
			var head := "enter %s %s" % [_relay["ticket"], _receipt]
			_proof = remote.questions.ask(head, remote.socket, _relay["address"], _relay["port"], now)
		return false
	if not _proof.done:
		return false
	var proof := _proof
	_proof = null
	# "seen ENDPOINT RECEIPT WORD" has three words, "entered WORD" one.
	if proof.is_answered and proof.words.size() >= 3:
		_receipt = proof.words[1]
		_prove_at = now
		return false
	_receipt = "-"
	if proof.is_answered:
		_unproved = 0
		_prove_at = now + PROOF_KEEP_MS
		var selector := remote.channel.selector
		var known := selector.path(ParleyPath.RELAY)
		if known == null or not known.is_at(proof.socket, _relay["address"], _relay["port"]):
			selector.open(ParleyPath.RELAY, proof.socket, _relay["address"], _relay["port"], -1.0, now)
		return false
	_unproved += 1
	_prove_at = now + PROOF_AGAIN_MS
	return _unproved % PROOFS_IN_VAIN == 0


# --- the WebSocket ----------------------------------------------------------------------------------------------------


func open_tunnel() -> void:
	if _tunnel == null and _relay.get("tunnel", "") != "":
		_tunnel = ParleyTunnel.new(_relay["tunnel"], _relay["ticket"], _worker)


## Looks what came over it.
func poll_tunnel(channel: ParleyChannel, now: float) -> void:
	if _tunnel == null:
		return
	var was_open := _tunnel.is_open
	came.append_array(_tunnel.poll(now))
	if came.size() > CAME_MAX:
		came = came.slice(-CAME_MAX)
	if channel != null and _tunnel.is_open != was_open:
		if _tunnel.is_open:
			channel.selector.open(ParleyPath.TUNNEL, ParleyPath.STREAM, "", 0, -1.0, now)
		else:
			channel.selector.end(ParleyPath.TUNNEL, now)


func send(bytes: PackedByteArray) -> void:
	if _tunnel != null:
		_tunnel.send(bytes)


func _end_tunnel(selector: ParleyPathSelector, now: float) -> void:
	if _tunnel != null:
		close()
		selector.end(ParleyPath.TUNNEL, now)
