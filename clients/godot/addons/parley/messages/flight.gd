class_name ParleyFlight
extends RefCounted
## Datagrams that were sent and not confirmed: what each carried, and when one counts as lost (RFC 9002 section 6.1).

const Limits := preload("message_limits.gd")


class Sent extends RefCounted:
	var number := 0
	var at := 0.0
	var bytes := 0
	var parts: Array[ParleyOutgoing.Part] = []
	## Channels whose window the datagram announces.
	var windows := PackedInt32Array()
	## Carries nothing but unreliable pieces.
	var is_unreliable := false


var bytes := 0
var unreliable_bytes := 0
# By number, ascending.
var _sent := {}
var _largest_acked := -1


func is_empty() -> bool:
	return _sent.is_empty()


func oldest() -> Sent:
	for number: int in _sent:
		return _sent[number]
	return null


func add(sent: Sent) -> void:
	_sent[sent.number] = sent
	bytes += sent.bytes
	if sent.is_unreliable:
		unreliable_bytes += sent.bytes


## What is confirmed for the first time, ascending.
func acked(ranges: ParleyRanges) -> Array[Sent]:
	var out: Array[Sent] = []
	var row := 0
	for number: int in _sent:
		while row < ranges.size() and ranges.to[row] <= number:
			row += 1
		if row == ranges.size():
			break
		if ranges.from[row] <= number:
			out.append(_sent[number])
	for sent in out:
		_remove(sent)
	if not out.is_empty():
		_largest_acked = maxi(_largest_acked, out[-1].number)
	return out


## What is lost by now: something sent later was confirmed, and its time is over.
func lost(rtt: ParleyRoundTrip, now: float) -> Array[Sent]:
	var patience := _patience(rtt)
	var out: Array[Sent] = []
	for number: int in _sent:
		var sent: Sent = _sent[number]
		if number > _largest_acked or sent.at + patience > now:
			break
		out.append(sent)
	for sent in out:
		_remove(sent)
	return out


func _remove(sent: Sent) -> void:
	_sent.erase(sent.number)
	bytes -= sent.bytes
	if sent.is_unreliable:
		unreliable_bytes -= sent.bytes


static func _patience(rtt: ParleyRoundTrip) -> float:
	return maxf(Limits.REORDERING * maxf(rtt.smoothed_ms, rtt.latest_ms), Limits.GRANULARITY_MS)
