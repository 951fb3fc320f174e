class_name ParleySession
extends Node
## Lobbies, players and connections of one game. The `Parley` autoload is one; a test or a split screen may add others.
##
## Every method that is awaited ends with an [enum Error] in bounded time. After a failure [member why] is a sentence for
## players and [member code] a word for programs.

## The watched list has changed; see [method watch_list].
signal list_changed(lobbies: Array[ParleyListing])
## The lobby, its data or its members have changed.
signal lobby_changed(lobby: ParleyLobby)
signal player_joined(id: int, player_name: String)
## `reason`: `left`, `disconnected`, `kicked` or `banned`.
signal player_left(id: int, reason: String)
## `path`: `direct`, `relay`, `tunnel`, or empty while there is none.
signal path_changed(id: int, path: String)
## Somebody else hosts. In a star the new host's id is 1 from now on.
signal host_changed(id: int)
signal chat_received(id: int, text: String)
## To the host of a lobby with approval; see [method admit] and [method turn_away].
signal applied(applicant: ParleyPlayer)
## The session in this lobby is over, or a request has failed.
signal failed(code: String, sentence: String)

## Address of the hub.
@export var url := ""
## Name of the game at the hub.
@export var game := ""
## Version of the game; players of different versions do not join each other.
@export var version := ""
## What others call this player.
var player_name := ""
## The lobby that this machine is in, or null.
var lobby: ParleyLobby = null
## The last failure, as a sentence for players; empty after a success.
var why := ""
## The last failure, as a word for programs.
var code := ""
## Called before the host leaves or is replaced: returns the state that the next host begins with.
var snapshot := Callable()


## Opens a lobby and hosts it. `options`: `visibility`, `password`, `approval`, `data`, `mesh`, `host_policy`, `member_data`,
## `relay_only`. Sets `multiplayer.multiplayer_peer`.
func host(_lobby_name: String, _seats := 8, _options := {}) -> Error:
	return ERR_UNAVAILABLE


## Joins by join code, lobby id or link. Sets `multiplayer.multiplayer_peer`; returns `OK` when the host is connected.
func join(_code_or_id_or_link: String, _password := "", _options := {}) -> Error:
	return ERR_UNAVAILABLE


## Joins a lobby like this, like `{"data[map]": "forest"}`, or hosts one where there is none and `create` says how.
func quick_join(_filter := {}, _create := {}) -> Error:
	return ERR_UNAVAILABLE


## The lobbies that can be joined now, newest first. Empty after a failure; see [member why].
func list(_filter := {}) -> Array[ParleyListing]:
	return []


## Keeps [signal list_changed] up to date until [method unwatch_list].
func watch_list(_filter := {}) -> Error:
	return ERR_UNAVAILABLE


func unwatch_list() -> void:
	pass


## Leaves the lobby and closes all connections. The session can be used again at once.
func leave() -> void:
	pass


## Removes a player. For the host. `ban` keeps the player out of this lobby.
func kick(_id: int, _reason := "", _ban := false) -> Error:
	return ERR_UNAVAILABLE


func change_lobby(_changes: Dictionary) -> Error:
	return ERR_UNAVAILABLE


## Changes what this player says about itself; `null` removes an entry.
func set_member_data(_entries: Dictionary) -> Error:
	return ERR_UNAVAILABLE


func chat(_text: String) -> Error:
	return ERR_UNAVAILABLE


## The game begins: the lobby leaves the list. For the host. `start(false)` takes it back.
func start(_in_game := true) -> Error:
	return ERR_UNAVAILABLE


func admit(_applicant: ParleyPlayer) -> Error:
	return ERR_UNAVAILABLE


func turn_away(_applicant: ParleyPlayer) -> Error:
	return ERR_UNAVAILABLE


## Makes another player the host.
func hand_over(_id: int) -> Error:
	return ERR_UNAVAILABLE


## How a player is connected: `{path, rtt_ms, nat_pair, why}`.
func info(_id: int) -> Dictionary:
	return {}


## What this machine's network can do, in sentences that a player can send to support.
func diagnose() -> String:
	return ""
