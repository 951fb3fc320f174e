class_name ParleyMessageTransport
extends RefCounted
## Messages to and from one connected peer over datagrams that may be lost, doubled and overtaken: what is confirmed, what is
## sent again, and in which order things leave. No clock, no socket.

const Limits := preload("message_limits.gd")
const Packets := preload("packets.gd")

var rtt: ParleyRoundTrip
## When something of the peer came last.
var last_heard_at := 0.0
var sent_count := 0
var lost_count := 0
var heard_count := 0
var _to := 0
var _congestion: ParleyCongestion
var _flight := ParleyFlight.new()
var _outgoing := {}
var _incoming := {}
var _pieces := ParleyOutgoing.Pieces.new()
var _partials := ParleyIncoming.Partials.new()
var _acks := ParleyAcknowledgements.new()
var _windows_due := {}
var _ping_due := false
var _flush_at := INF
var _number := 0
var _turn := 0
# When something was sent that a confirmation is due for, and how many questions had no answer.
var _elicited_at := -INF
var _in_vain := 0


func _init(to: int, rtt_ms: float, now: float) -> void:
	_to = to
	rtt = ParleyRoundTrip.new(rtt_ms)
	_congestion = ParleyCongestion.new(Limits.MTU, now)
	last_heard_at = now


# --- the game ---------------------------------------------------------------------------------------------------------


func push_reliable(channel: int, bytes: PackedByteArray, is_deflated: bool, flush_at: float) -> void:
	if not _outgoing.has(channel):
		_outgoing[channel] = ParleyOutgoing.new(channel)
	(_outgoing[channel] as ParleyOutgoing).push(bytes, is_deflated)
	_flush_at = minf(_flush_at, flush_at)


func push_unreliable(channel: int, bytes: PackedByteArray, is_deflated: bool, flush_at: float) -> void:
	var most := Limits.MTU - Packets.DATA_HEADER_BYTES - Packets.PIECE_HEADER_BYTES
	_pieces.push(channel, bytes, Packets.DEFLATED if is_deflated else 0, most)
	_flush_at = minf(_flush_at, flush_at)


## The game has read a message.
func consume(channel: int, taken: int) -> void:
	var stream: ParleyIncoming = _incoming.get(channel)
	if stream != null and stream.consume(taken):
		_windows_due[channel] = true


## Bytes that wait or are not confirmed.
var pending: int:
	get:
		return pending_reliable + _pieces.bytes


var pending_reliable: int:
	get:
		var sum := 0
		for stream: ParleyOutgoing in _outgoing.values():
			sum += stream.pending
		return sum


var pending_unreliable: int:
	get:
		return _pieces.bytes


## How long an unreliable message of now would wait.
var queue_ms: float:
	get:
		var over := maxf(0.0, _flight.unreliable_bytes + _pieces.bytes - _congestion.window)
		return maxf(over, maxf(_pieces.bytes - Limits.BURST * Limits.MTU, 0.0)) / _congestion.rate(rtt.smoothed_ms)


## Bytes a second.
var send_rate: float:
	get:
		return _congestion.rate(rtt.smoothed_ms) * 1_000.0


# --- hearing ----------------------------------------------------------------------------------------------------------


## Since when an answer is owed and nothing was heard; INF where none is.
var unanswered_since: float:
	get:
		return INF if _flight.is_empty() else maxf(last_heard_at, _flight.oldest().at)


## Appends the messages that came to `out`. False where the peer does not keep to the rules.
func receive(packet: Packets.Packet, now: float, out: Array[ParleyIncoming.Arrived]) -> bool:
	if _acks.has(packet.number):
		# The peer has not heard of the confirmation.
		_acks.hasten(now)
		return true
	var is_eliciting := false
	for frame in packet.frames:
		is_eliciting = is_eliciting or frame.type != Packets.ACK
		if frame.type == Packets.BYTES:
			# What is not taken is not confirmed either: it comes again.
			if not _incoming.has(frame.channel) and _incoming.size() >= Limits.CHANNELS_MAX:
				return true
			if not _incoming.has(frame.channel):
				_incoming[frame.channel] = ParleyIncoming.new(frame.channel)
			if not (_incoming[frame.channel] as ParleyIncoming).may_take(frame.number, frame.bytes.size()):
				return true
	last_heard_at = now
	heard_count += 1
	_acks.note(packet.number, is_eliciting, now)
	for frame in packet.frames:
		match frame.type:
			Packets.ACK:
				_hear_ack(frame, now)
			Packets.WINDOW:
				if _outgoing.has(frame.channel):
					(_outgoing[frame.channel] as ParleyOutgoing).widen(frame.number)
			Packets.PIECE:
				var message := _partials.take(frame.piece, now)
				if message != null:
					out.append(message)
			Packets.BYTES:
				if not (_incoming[frame.channel] as ParleyIncoming).take(frame.number, frame.bytes, out):
					return false
	return true


func _hear_ack(frame: Packets.Frame, now: float) -> void:
	var is_full := _is_full()
	var acked := _flight.acked(frame.ranges)
	if acked.is_empty():
		return
	var newest := acked[-1]
	if newest.number == frame.ranges.to[-1] - 1:
		rtt.measure(now - newest.at, frame.delay_ms, now)
	_in_vain = 0
	for sent in acked:
		for part in sent.parts:
			part.stream.acked(part)
		_congestion.acked(sent, rtt, is_full, now)
	_lose(is_full, now)


func _lose(is_full: bool, now: float) -> void:
	for sent in _flight.lost(rtt, now):
		lost_count += 1
		for part in sent.parts:
			part.stream.lost(part)
		for channel in sent.windows:
			_windows_due[channel] = true
		_congestion.lost(sent, rtt.min_ms, is_full, now)


# The window kept, or nearly kept, something from being sent.
func _is_full() -> bool:
	return _flight.bytes + Limits.MTU * 2 > _congestion.window / 2.0


# --- sending ----------------------------------------------------------------------------------------------------------


## A question that the peer answers.
func ping() -> void:
	_ping_due = true


## Looks what is lost, and asks where nothing was confirmed for long. Once in each frame.
func carry_on(now: float) -> void:
	_lose(_is_full(), now)
	_probe(now)


## Appends the next datagram that is due to `out`; false where none is. The first one holds what keeps the session going:
## confirmations, windows, questions.
func take(now: float, out: Array[PackedByteArray]) -> bool:
	var made := _make(now)
	if made.is_empty():
		return false
	out.append(made)
	return true


# Nothing was confirmed for long: the oldest is sent again, as a question.
func _probe(now: float) -> void:
	if _flight.is_empty() or now < _elicited_at + rtt.probe_ms(_in_vain):
		return
	_in_vain += 1
	_elicited_at = now
	_ping_due = true
	for part in _flight.oldest().parts:
		part.stream.lost(part)
	if _in_vain == Limits.PROBES_UNTIL_COLLAPSE:
		_congestion.collapse(now)


func _is_ready() -> bool:
	for stream: ParleyOutgoing in _outgoing.values():
		if stream.is_ready:
			return true
	return false


# One datagram; empty where nothing is due.
func _make(now: float) -> PackedByteArray:
	var is_acking := _acks.due <= now
	var is_ready := _is_ready()
	if not is_acking and not is_ready and _pieces.is_empty() and not _ping_due and _windows_due.is_empty():
		return PackedByteArray()
	var budget := _congestion.budget(rtt.smoothed_ms, now)
	var waits := _flush_at != INF and now < _flush_at and _pieces.bytes + pending_reliable < Limits.MTU
	# What is unreliable may leave somewhat before its time, so that a stream that uses all of it does not delay it.
	var may_unreliable := (not waits and not _pieces.is_empty() and budget > -Limits.BURST * Limits.MTU
		and _flight.unreliable_bytes < _congestion.window)
	var is_probe := _ping_due and _in_vain > 0
	var may_reliable := is_probe or (not waits and budget > 0.0 and _flight.bytes < _congestion.window and is_ready)
	if not is_acking and not _ping_due and _windows_due.is_empty() and not may_unreliable and not may_reliable:
		return PackedByteArray()
	var out := Packets.Writer.new(Limits.MTU, _to, _number)
	_acks.write(out, now)
	var bare := out.room
	var sent := ParleyFlight.Sent.new()
	sent.windows = _write_windows(out)
	if _ping_due:
		out.ping()
	_ping_due = false
	var pieces := _write_pieces(out) if may_unreliable else 0
	if may_reliable:
		_write_bytes(out, sent.parts)
	if out.is_empty:
		return PackedByteArray()
	var datagram := out.finish()
	if out.room != bare:
		if _flight.is_empty() or _in_vain == 0:
			_elicited_at = now
		sent.number = _number
		sent.at = now
		sent.bytes = datagram.size()
		sent.is_unreliable = pieces > 0 and sent.parts.is_empty()
		_flight.add(sent)
		_congestion.spend(datagram.size())
	if _pieces.is_empty() and not _is_ready():
		_flush_at = INF
	_number += 1
	sent_count += 1
	return datagram


func _write_windows(out: Packets.Writer) -> PackedInt32Array:
	var told := PackedInt32Array()
	for channel: int in _windows_due.keys():
		if out.room < Packets.WINDOW_FRAME_BYTES:
			break
		out.window(channel, (_incoming[channel] as ParleyIncoming).limit)
		_windows_due.erase(channel)
		told.append(channel)
	return told


func _write_pieces(out: Packets.Writer) -> int:
	var written := 0
	var piece := _pieces.next()
	while piece != null and out.room >= Packets.PIECE_HEADER_BYTES + piece.bytes.size():
		out.piece(piece)
		_pieces.shift()
		written += 1
		piece = _pieces.next()
	return written


# Channels take turns, one part each.
func _write_bytes(out: Packets.Writer, parts: Array[ParleyOutgoing.Part]) -> void:
	var streams := _outgoing.values()
	var idle := 0
	while idle < streams.size() and out.room > Packets.BYTES_HEADER_BYTES:
		var stream: ParleyOutgoing = streams[_turn % streams.size()]
		_turn += 1
		var part := stream.next(out.room - Packets.BYTES_HEADER_BYTES)
		if part == null:
			idle += 1
			continue
		idle = 0
		out.bytes(stream.channel, part.from, stream.bytes_of(part))
		parts.append(part)
