-- Checks the rate limit and quota of every request in a batch, and counts each request that both limits allow.
--
-- KEYS[1]  the prefix of all names in Redis
-- ARGV     1 the beginning and 2 the end of the month that the calling process takes as current, in seconds since 1970
--          3 the beginning of the month before it
--          4 the name of Redis's memory that the process has seen (8 bytes), or 8 bytes of 255 to probe: requests are
--            then answered as if their keys were new, whatever the name, and nothing is stored
--          5 the requests, 29 bytes each: key id (16), rate limit (4), monthly quota (4),
--            the database's count of the month, or 4294967295 if it is not sent (4), 1 to count nothing, else 0 (1)
-- Returns  the memory's name, or zeros if it has none (8), and Redis's time: seconds (4) and milliseconds (4). If the
--          name or the month is not the process's, that is all, and nothing is counted. Otherwise 17 bytes follow for
--          each request: the result (1: 0 passed, 1 over the rate limit, 2 over the quota, 3 monthly count unknown),
--          what remains of the rate limit (4), milliseconds until the oldest cell leaves the window (4) and until a
--          request fits (4), and the used part of the quota (4)
--
-- A key's state is one field of the month's hash: used (4), the window's total (4), and its cells, oldest first: the
-- number of a second (4) and a count (4). So the state of a deleted key expires with its month.

local WINDOW, SIZE, UNKNOWN = 60, 29, 4294967295
local time = redis.call('TIME')
local second, milliseconds = tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)
local now = second * 1000 + milliseconds

local name = redis.call('GET', KEYS[1] .. ':memory') or string.rep('\0', 8)
local head = name .. struct.pack('>I4I4', second, milliseconds)
local probes = ARGV[4] == string.rep('\255', 8)
if (name ~= ARGV[4] and not probes) or second < tonumber(ARGV[1]) or second >= tonumber(ARGV[2]) then return head end

local month, before = KEYS[1] .. ':' .. ARGV[1], KEYS[1] .. ':' .. ARGV[3]
local requests = ARGV[5]

-- Drops the cells that have left the window. If the clock was set back, all cells move back with it, and are stored so
-- even for a refused request; the key would otherwise be refused until the clock has caught up.
local function current(state)
    local cells = state.cells
    if cells == '' then
        state.total = 0
        return
    end
    local ahead = struct.unpack('>I4', cells, #cells - 7) - second
    if ahead > 0 then
        local moved = {}
        for at = 1, #cells, 8 do
            local cell, count = struct.unpack('>I4I4', cells, at)
            moved[#moved + 1] = struct.pack('>I4I4', cell - ahead, count)
        end
        cells = table.concat(moved)
        state.changed = true
    end
    local from = 1
    while from <= #cells do
        local cell, count = struct.unpack('>I4I4', cells, from)
        if cell > second - WINDOW then break end
        state.total = state.total - count
        from = from + 8
    end
    state.cells = from == 1 and cells or string.sub(cells, from)
    state.total = state.cells == '' and 0 or math.max(0, state.total)
end

-- Returns nil for a text that this script did not write: the process then sends the key's count again, and the other
-- requests of the batch are counted.
local function parse(text)
    if #text < 8 or #text % 8 ~= 0 then return nil end
    local used, total = struct.unpack('>I4I4', text)
    local state = {used = used, total = total, cells = string.sub(text, 9)}
    current(state)
    return state
end

local function ends_in(cells, at)
    return (struct.unpack('>I4', cells, at) + WINDOW) * 1000 - now
end

local function free_in(state, limit)
    local total, at, wait = state.total, 1, 0
    while total >= limit and at < #state.cells do
        wait = ends_in(state.cells, at)
        total = total - struct.unpack('>I4', state.cells, at + 4)
        at = at + 8
    end
    return wait
end

local function count(state)
    local cells = state.cells
    local last, number = 0, 0
    if cells ~= '' then last, number = struct.unpack('>I4I4', cells, #cells - 7) end
    if last == second then
        state.cells = string.sub(cells, 1, -5) .. struct.pack('>I4', number + 1)
    else
        state.cells = cells .. struct.pack('>I4I4', second, 1)
    end
    state.total = state.total + 1
    state.used = state.used + 1
    state.changed = true
end

local ids, place = {}, {}
for at = 1, #requests, SIZE do
    local id = string.sub(requests, at, at + 15)
    if not place[id] then
        ids[#ids + 1] = id
        place[id] = #ids
    end
end
local texts, states, is_new = redis.call('HMGET', month, unpack(ids)), {}, false

local answers = {head}
for at = 1, #requests, SIZE do
    local id = string.sub(requests, at, at + 15)
    local rate_limit, quota, written, looks = struct.unpack('>I4I4I4B', requests, at + 16)
    local state = states[id]
    if not state then
        local text = not probes and texts[place[id]]
        state = text and parse(text) or nil
        if not state and written ~= UNKNOWN then
            local last_month = redis.call('HGET', before, id)
            state = last_month and not probes and parse(last_month) or {total = 0, cells = ''}
            state.used, state.changed, is_new = written, true, true
        end
        states[id] = state
    end
    local verdict, remaining, resets_in, wait, used = 3, 0, 0, 0, 0
    if state then
        if written ~= UNKNOWN and written > state.used then
            state.used, state.changed = written, true
        end
        if state.total >= rate_limit then
            verdict, wait = 1, free_in(state, rate_limit)
        elseif state.used >= quota then
            verdict = 2
        else
            verdict = 0
            if looks == 0 and not probes then count(state) end
        end
        remaining, used = math.max(0, rate_limit - state.total), state.used
        if state.cells ~= '' then resets_in = ends_in(state.cells, 1) end
    end
    answers[#answers + 1] = struct.pack('>BI4I4I4I4', verdict, remaining, resets_in, wait, used)
end

local changed = {}
for id, state in pairs(states) do
    if state.changed then
        changed[#changed + 1] = id
        changed[#changed + 1] = struct.pack('>I4I4', state.used, state.total) .. state.cells
    end
end
if #changed > 0 then
    redis.call('HSET', month, unpack(changed))
    -- Kept for 31 days after the month, because the next month's first requests take their windows from it.
    if is_new then redis.call('EXPIREAT', month, tonumber(ARGV[2]) + 2678400) end
end
return table.concat(answers)
