"""Jobs that wait for one another, on several devices: when each runs, and the chain that no number of devices
makes shorter."""

import heapq


def tails(seconds, after):
    """{job: seconds from its start to the end of the longest chain that it begins}.

    seconds: {job: seconds}, parents before children; after: {job: the job it waits for, or None}.
    """
    longest = dict(seconds)
    for job in reversed(seconds):
        parent = after.get(job)
        if parent:
            longest[parent] = max(longest[parent], seconds[parent] + longest[job])
    return longest


def schedule(seconds, after, devices):
    """{job: (start, end)} in seconds of a list schedule: a device that is free takes, of the jobs that may
    start, the one that begins the longest chain. At most twice as long as the best schedule (Graham 1969).
    Arguments as in `tails`; devices: how many.
    """
    order, longest = {job: number for number, job in enumerate(seconds)}, tails(seconds, after)
    children = {}
    for job in seconds:
        children.setdefault(after.get(job), []).append(job)
    ready = [(-longest[job], order[job], job) for job in children.get(None, [])]
    heapq.heapify(ready)
    running, times, now = [], {}, 0.0
    while ready or running:
        while ready and len(running) < devices:
            job = heapq.heappop(ready)[-1]
            times[job] = (now, now + seconds[job])
            heapq.heappush(running, (times[job][1], order[job], job))
        now, _, done = heapq.heappop(running)
        for job in children.get(done, []):
            heapq.heappush(ready, (-longest[job], order[job], job))
    return times


def length(seconds, after, devices):
    """Seconds until the last job of the schedule ends. Arguments as in `schedule`."""
    return max(end for _, end in schedule(seconds, after, devices).values())


def longest_chain(seconds, after):
    """The jobs of the chain that takes longest, first to last. Arguments as in `tails`."""
    longest, chain, parent = tails(seconds, after), [], None
    while following := [job for job in seconds if after.get(job) == parent]:
        parent = max(following, key=longest.get)
        chain.append(parent)
    return chain
