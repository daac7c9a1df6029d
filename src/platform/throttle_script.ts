import { createScript } from "./redis_script.ts";
import { KNOWN_LIFE_MS, MAX_KNOWN } from "./throttle_policy.ts";

/**
 * KEYS are the counts of one attempt, then the callers known to its account. A count is a HASH: its level `at` a time
 * in ms, from which it falls by one each longest wait, and the time `until` which no try is admitted. The time is that
 * of Redis, because the clocks of instances differ. `fields` is how many arguments each count has, from the third on.
 */
const PRELUDE = `
local count, known, caller = #KEYS - 1, KEYS[#KEYS], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(key, longest)
  local state = redis.call('HMGET', key, 'level', 'at', 'until')
  local age = math.max(0, now - (tonumber(state[2]) or now))
  local level = math.max(0, (tonumber(state[1]) or 0) - age / longest)
  return level, math.min(tonumber(state[3]) or 0, now + longest)
end
local function write(key, longest, level, till)
  local life = math.ceil(math.max(level * longest, till - now))
  if life <= 0 then redis.call('DEL', key) return end
  redis.call('HSET', key, 'level', level, 'at', now, 'until', till)
  redis.call('PEXPIRE', key, life)
end
`;

const SCRIPTS = {
  /**
   * [caller, (free, first wait, longest wait, highest level, 1 if waived for the known)…] → [1, (added, until, until
   * before)…] when every count admits a try, and then it is counted on each; else [0, ms to wait], and nothing changes.
   */
  take: `
    local seen = caller ~= '' and tonumber(redis.call('ZSCORE', known, caller) or nil)
    local isKnown = seen and now - seen < ${KNOWN_LIFE_MS}
    local levels, tills, wait = {}, {}, 0
    for i = 1, count do
      local a = 2 + (i - 1) * 5
      levels[i], tills[i] = read(KEYS[i], tonumber(ARGV[a + 2]))
      if not (isKnown and ARGV[a + 4] == '1') then wait = math.max(wait, tills[i] - now) end
    end
    if wait > 0 then return { '0', tostring(math.ceil(wait)) } end
    local answer = { '1' }
    for i = 1, count do
      local a = 2 + (i - 1) * 5
      local free, first, longest = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
      local level = math.min(levels[i] + 1, math.max(levels[i], tonumber(ARGV[a + 3])))
      local till = tills[i]
      if level + 1 > free then
        till = math.max(till, now + math.ceil(math.min(longest, first * 2 ^ math.max(0, level - free))))
      end
      write(KEYS[i], longest, level, till)
      answer[#answer + 1] = string.format('%.9f', level - levels[i])
      answer[#answer + 1] = string.format('%.0f', till)
      answer[#answer + 1] = string.format('%.0f', tills[i])
    end
    return answer`,

  /** [caller if known from now on, (free, longest wait, 1 to forgive all, added, until, until before)…] → 1 */
  settle: `
    for i = 1, count do
      local a = 2 + (i - 1) * 6
      local longest = tonumber(ARGV[a + 1])
      if ARGV[a + 2] == '1' then
        redis.call('DEL', KEYS[i])
      elseif redis.call('EXISTS', KEYS[i]) == 1 then
        local level, till = read(KEYS[i], longest)
        level = math.max(0, level - tonumber(ARGV[a + 3]))
        if level + 1 <= tonumber(ARGV[a]) then
          till = 0
        elseif till == tonumber(ARGV[a + 4]) then
          till = tonumber(ARGV[a + 5])
        end
        write(KEYS[i], longest, level, till)
      end
    end
    if caller ~= '' then
      redis.call('ZADD', known, now, caller)
      redis.call('ZREMRANGEBYRANK', known, 0, -${MAX_KNOWN + 1})
      redis.call('PEXPIRE', known, ${KNOWN_LIFE_MS})
    end
    return '1'`,
} as const;

/** The scripts of a throttle, by name. */
export const THROTTLE_SCRIPTS = {
  take: createScript(PRELUDE + SCRIPTS.take),
  settle: createScript(PRELUDE + SCRIPTS.settle),
};
