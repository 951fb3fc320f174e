class_name ParleyInbox
extends RefCounted
## Messages that have come and that the game has not read: by channel, from all peers, in the order in which they came.

const Limits := preload("message_limits.gd")


class Unread extends RefCounted:
	var session: ParleyMessageSession
	var arrived: ParleyIncoming.Arrived
	## Counts the session's messages of this channel.
	var number := 0
	var at := 0.0


class Count extends RefCounted:
	var unreliable := 0
	var bytes := 0
	var numbers := {}


var _channels := {}
var _counts := {}


func add(session: ParleyMessageSession, arrived: ParleyIncoming.Arrived, now: float) -> void:
	var count: Count = _counts.get(session)
	if count == null:
		count = Count.new()
		_counts[session] = count
	var one := Unread.new()
	one.session = session
	one.arrived = arrived
	one.number = count.numbers.get(arrived.channel, 0) + 1
	one.at = now
	if count.numbers.size() < Limits.UNREAD_MAX or count.numbers.has(arrived.channel):
		count.numbers[arrived.channel] = one.number
	if not _channels.has(arrived.channel):
		_channels[arrived.channel] = []
	_channels[arrived.channel].append(one)
	if arrived.is_reliable:
		return
	count.unreliable += 1
	count.bytes += arrived.bytes.size()
	while count.unreliable > Limits.UNREAD_MAX or count.bytes > Limits.UNREAD_BYTES_MAX:
		_drop_oldest(session)


## The oldest ones, at most so many.
func take(channel: int, count_max: int) -> Array:
	var waiting: Array = _channels.get(channel, [])
	var taken := waiting.slice(0, maxi(0, count_max))
	if taken.size() == waiting.size():
		_channels.erase(channel)
	else:
		_channels[channel] = waiting.slice(taken.size())
	for one: Unread in taken:
		_uncount(one)
	return taken


## What of the session waits on the channel goes. Returns what it took of the channel's window.
func drop(session: ParleyMessageSession, channel: int) -> int:
	var waiting: Array = _channels.get(channel, [])
	var others := []
	var taken := 0
	for one: Unread in waiting:
		if one.session != session:
			others.append(one)
			continue
		_uncount(one)
		taken += one.arrived.taken
	if others.is_empty():
		_channels.erase(channel)
	else:
		_channels[channel] = others
	return taken


func forget(session: ParleyMessageSession) -> void:
	for channel: int in _channels.keys():
		drop(session, channel)
	_counts.erase(session)


func _drop_oldest(session: ParleyMessageSession) -> void:
	for channel: int in _channels:
		var waiting: Array = _channels[channel]
		for at in waiting.size():
			var one: Unread = waiting[at]
			if one.session == session and not one.arrived.is_reliable:
				_uncount(one)
				waiting.remove_at(at)
				return


func _uncount(one: Unread) -> void:
	var count: Count = _counts.get(one.session)
	if count == null or one.arrived.is_reliable:
		return
	count.unreliable -= 1
	count.bytes -= one.arrived.bytes.size()
