# SPDX-License-Identifier: Apache-2.0
"""Quiet music of any length, computed: four chords on soft pads, a bass, and plucked notes that come and go. The same every time."""
import wave

import numpy

RATE = 32000
BEAT = 60 / 63  # seconds
CHORD_BEATS = 8
# Notes as half tones above A2; each chord a bass and what lies over it.
CHORDS = [(5, (12, 17, 21, 28)), (2, (14, 17, 21, 24)), (10, (14, 17, 22, 26)), (0, (12, 16, 19, 26))]
PATTERN = (0, 2, 1, 3, 2, 3, 1, 2)


def frequency(note):
    return 110.0 * 2 ** (note / 12)


def pad(note, seconds):
    """Three voices, a little apart, that swell and ebb."""
    time = numpy.arange(int(seconds * RATE)) / RATE
    voices = sum(numpy.sin(2 * numpy.pi * frequency(note) * detune * time + phase) for detune, phase in ((1, 0), (1.0025, 1), (0.9978, 2)))
    return voices / 3 * numpy.sin(numpy.pi * numpy.clip(time / seconds, 0, 1)) ** 0.7


def pluck(note):
    time = numpy.arange(int(2.2 * RATE)) / RATE
    tone = sum(numpy.sin(2 * numpy.pi * frequency(note) * harmonic * time) / harmonic ** 2 for harmonic in (1, 2, 3))
    return tone * numpy.exp(-3.2 * time) * numpy.clip(time / 0.006, 0, 1)


def add(track, at, sound, gain):
    start = int(at * RATE)
    piece = sound[:max(0, len(track) - start)]
    track[start:start + len(piece)] += gain * piece


def echo(track, delay, gain):
    """A room: what was heard comes again, weaker."""
    wet, step = track.copy(), int(delay * RATE)
    for turn in range(1, 5):
        wet[step * turn:] += gain ** turn * track[:-step * turn or None][:len(track) - step * turn]
    return wet


def compose(seconds):
    left, right = numpy.zeros(int(seconds * RATE)), numpy.zeros(int(seconds * RATE))
    chance = numpy.random.default_rng(7)
    length = CHORD_BEATS * BEAT
    for turn in range(int(seconds / length) + 1):
        bass, notes = CHORDS[turn % len(CHORDS)]
        start = turn * length
        for side, track in enumerate((left, right)):
            add(track, start, pad(bass - 12, length * 1.2), 0.30)
            for place, note in enumerate(notes):
                add(track, start, pad(note, length * 1.25), 0.13 if place % 2 == side else 0.07)
        if turn % 8 < 2:
            continue  # a rest for the ear
        for eighth in range(CHORD_BEATS * 2):
            if chance.random() < (0.25 if turn % 8 < 4 else 0.45):
                note = notes[PATTERN[eighth % len(PATTERN)]] + 12
                panned = chance.random()
                for track, part in ((left, 1 - panned), (right, panned)):
                    add(track, start + eighth * BEAT / 2, pluck(note), 0.10 * (0.3 + 0.7 * part))
    both = numpy.stack([echo(left, 0.37, 0.34), echo(right, 0.43, 0.34)], axis=1)
    time = numpy.arange(len(both)) / RATE
    both *= (numpy.clip(time / 4, 0, 1) * numpy.clip((seconds - time) / 6, 0, 1))[:, None]
    return both / numpy.abs(both).max() * 0.22  # quiet: 13 dB under full


def write(path, seconds):
    with wave.open(path, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((compose(seconds) * 32767).astype("<i2").tobytes())
