class_name ParleyErrors
extends RefCounted
## Error codes of the addon: for each a Godot [enum Error] and a sentence for players.
##
## A refusal of the hub keeps the hub's own code and sentence. The codes below are those that the addon adds.

const UNREACHABLE := "unreachable"
const NO_PATH := "no_path"
const TIMED_OUT := "timed_out"
const NOT_IN_LOBBY := "not_in_lobby"
const ALREADY_IN_LOBBY := "already_in_lobby"
const BAD_INVITATION := "bad_invitation"
const LEFT := "left"
const KICKED := "kicked"
const BANNED := "banned"
const CLOSED := "closed"
const HOST_LOST := "host_lost"
const SEAT_LOST := "seat_lost"
const BUSY := "busy"

const SENTENCES := {
	UNREACHABLE: "The lobby server does not answer. Check the internet connection and try again.",
	NO_PATH: "No connection to the host could be made, neither directly nor over a relay.",
	TIMED_OUT: "The other side did not answer in time.",
	NOT_IN_LOBBY: "You are not in a lobby.",
	ALREADY_IN_LOBBY: "You are already in a lobby. Leave it first.",
	BAD_INVITATION: "This is neither a join code, nor a lobby id, nor an invitation link.",
	LEFT: "You have left the lobby.",
	KICKED: "The host has removed you from the lobby.",
	BANNED: "The host has banned you from the lobby.",
	CLOSED: "The lobby was closed.",
	HOST_LOST: "The host has left, and nobody took over.",
	SEAT_LOST: "The connection to the lobby was lost for too long.",
	BUSY: "Another request is still running.",
}

const ERRORS := {
	UNREACHABLE: ERR_CANT_CONNECT,
	NO_PATH: ERR_CANT_CONNECT,
	TIMED_OUT: ERR_TIMEOUT,
	NOT_IN_LOBBY: ERR_UNCONFIGURED,
	ALREADY_IN_LOBBY: ERR_ALREADY_IN_USE,
	BAD_INVITATION: ERR_INVALID_PARAMETER,
	LEFT: ERR_CONNECTION_ERROR,
	KICKED: ERR_CONNECTION_ERROR,
	BANNED: ERR_UNAUTHORIZED,
	CLOSED: ERR_CONNECTION_ERROR,
	HOST_LOST: ERR_CONNECTION_ERROR,
	SEAT_LOST: ERR_CONNECTION_ERROR,
	BUSY: ERR_BUSY,
	"lobby_not_found": ERR_DOES_NOT_EXIST,
	"code_invalid": ERR_DOES_NOT_EXIST,
	"no_open_lobby": ERR_DOES_NOT_EXIST,
	"member_not_found": ERR_DOES_NOT_EXIST,
	"password_mismatch": ERR_UNAUTHORIZED,
	"not_admitted": ERR_UNAUTHORIZED,
	"not_host": ERR_UNAUTHORIZED,
	"not_member": ERR_UNAUTHORIZED,
	"unauthorized": ERR_UNAUTHORIZED,
	"version_mismatch": ERR_UNAVAILABLE,
	"no_common_path": ERR_UNAVAILABLE,
	"lobby_closed": ERR_UNAVAILABLE,
	"foreign_wire": ERR_UNAVAILABLE,
	"lobby_full": ERR_CANT_ACQUIRE_RESOURCE,
	"seats_taken": ERR_CANT_ACQUIRE_RESOURCE,
	"lobby_timeout": ERR_TIMEOUT,
	"member_timeout": ERR_TIMEOUT,
	"rate_limited": ERR_BUSY,
	"quota_exceeded": ERR_BUSY,
	"draining": ERR_UNAVAILABLE,
	"hub_full": ERR_UNAVAILABLE,
	"hub_unavailable": ERR_CANT_CONNECT,
	"invalid_request": ERR_INVALID_PARAMETER,
}


static func sentence(code: String) -> String:
	return SENTENCES.get(code, "Something went wrong (%s)." % code)


## `OK` for an empty code, `FAILED` for one that is not listed.
static func error(code: String) -> Error:
	if code == "":
		return OK
	return ERRORS.get(code, FAILED)
