extends "res://test/unit/unit_test.gd"
## Which of ENet's repeats are dropped, and that bulk arrives all the same.

const RTT_MS := 20.0
const ENET_MS := 40_000


## A full datagram of ENet with one fragment, which ENet has handed over at this time of its clock.
func _fragment(number: int, enet_ms: int) -> PackedByteArray:
	var out := PackedByteArray([0x80, 1, (enet_ms >> 8) & 0xFF, enet_ms & 0xFF, 0x88, 0, number >> 8, number & 0xFF])
	out.resize(ParleyEnetLink.MTU)
	return out


func _repeats() -> ParleyEnetRepeats:
	var repeats := ParleyEnetRepeats.new()
	repeats.set_clock(_fragment(0, ENET_MS), 1_000.0)
	return repeats


func test_what_was_repeated_before_the_first_one_could_be_confirmed_is_spurious() -> void:
	var repeats := _repeats()
	# Handed over at 1,000 and leaves at 1,300; repeated at 1,100 meanwhile.
	check(not repeats.is_spurious(_fragment(1, ENET_MS), RTT_MS, 1_300.0), "the first one leaves")
	check(repeats.is_spurious(_fragment(1, ENET_MS + 100), RTT_MS, 1_400.0), "the one of 1,100")
	check(repeats.is_spurious(_fragment(1, ENET_MS + 319), RTT_MS, 1_400.0), "the one of 1,319")


func test_what_is_repeated_later_is_sent() -> void:
	var repeats := _repeats()
	check(not repeats.is_spurious(_fragment(1, ENET_MS), RTT_MS, 1_300.0), "the first one")
	check(not repeats.is_spurious(_fragment(1, ENET_MS + 320), RTT_MS, 1_400.0), "the one of 1,320")
	check(repeats.is_spurious(_fragment(1, ENET_MS + 410), RTT_MS, 1_450.0), "counted from the last one that left")


func test_other_fragments_and_other_datagrams_are_sent() -> void:
	var repeats := _repeats()
	check(not repeats.is_spurious(_fragment(1, ENET_MS), RTT_MS, 1_300.0), "the first one")
	check(not repeats.is_spurious(_fragment(2, ENET_MS), RTT_MS, 1_300.0), "another one")
	var acknowledging := _fragment(1, ENET_MS + 100)
	acknowledging[ParleyEnetRepeats.COMMAND_AT] = 1
	check(not repeats.is_spurious(acknowledging, RTT_MS, 1_300.0), "one that begins with a confirmation")
	repeats.clear()
	check(not repeats.is_spurious(_fragment(1, ENET_MS + 100), RTT_MS, 1_300.0), "after nothing waited")


func test_clocks_wrap_and_are_read_apart() -> void:
	var repeats := ParleyEnetRepeats.new()
	repeats.set_clock(_fragment(0, 0xFFF0), 1_000.0)
	check(not repeats.is_spurious(_fragment(1, 0xFFF0), RTT_MS, 1_300.0), "the first one")
	check(repeats.is_spurious(_fragment(1, 0x0010), RTT_MS, 1_400.0), "after ENet's clock has wrapped")
	check(not repeats.is_spurious(_fragment(2, 0xFFF0 + 403), RTT_MS, 1_400.0), "from the future")
	check(not repeats.is_spurious(_fragment(2, 0xFFF0 + 503), RTT_MS, 1_500.0), "from the future, and late enough")
