# SPDX-License-Identifier: Apache-2.0
"""Frames, captions and music become a film: 1920 × 1080, the page above, what is to be read below it. By Debian's ffmpeg."""
import json
import os
import subprocess

import music

FRAMES_A_SECOND = 25
FONT = "DejaVu Sans"
HEADER = """[Script Info]
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: title,{font},23,&H00C4C76F,&H00000000,&H00000000,1,0,0,4,0,0,0,1
Style: text,{font},31,&H00EDEFE9,&H00000000,&H00000000,0,0,0,4,0,0,0,1

[Events]
Format: Layer, Start, End, Style, Text
"""


def moment(seconds):
    centi = round(seconds * 100)
    return "%d:%02d:%02d.%02d" % (centi // 360000, centi // 6000 % 60, centi // 100 % 60, centi % 100)


def subtitles(captions, end):
    """Of one caption after the other; a title that stays is not faded."""
    lines = [HEADER.format(font=FONT)]
    for index, caption in enumerate(captions):
        until = captions[index + 1]["at"] if index + 1 < len(captions) else end
        same = index > 0 and captions[index - 1]["title"] == caption["title"]
        for style, y, fade in (("title", 1002, 0 if same else 250), ("text", 1043, 250)):
            words = caption[style].replace("{", "(").replace("}", ")")
            lines.append("Dialogue: 0,%s,%s,%s,{\\pos(48,%d)\\fad(%d,0)}%s\n" % (moment(caption["at"]), moment(until), style, y, fade, words))
    return "".join(lines)


def frame_list(frames, end):
    """For ffmpeg: each picture until the next one, from the beginning on."""
    lines = []
    frames = [{**frames[0], "at": 0}] + frames[1:]  # the first came a moment after the clock began
    for frame, after in zip(frames, frames[1:] + [{"at": end}]):
        lines.append("file '%s'\nduration %.3f\n" % (frame["name"], max(0.001, after["at"] - frame["at"])))
    return "".join(lines) + "file '%s'\n" % frames[-1]["name"]


def encode(folder, out):
    """The film's length in seconds."""
    with open(folder + "/film.json") as file:
        film = json.load(file)
    with open(folder + "/frames.txt", "w") as file:
        file.write(frame_list(film["frames"], film["seconds"]))
    with open(folder + "/captions.ass", "w") as file:
        file.write(subtitles(film["captions"], film["seconds"]))
    music.write(folder + "/music.wav", film["seconds"])
    picture = ("fps=%d,scale=1920:972:in_range=full:out_range=limited,pad=1920:1080:0:0:color=0x14201f,drawbox=y=972:w=1920:h=2:color=0x1f7f7c:t=fill,"
               "ass=captions.ass,fade=t=in:d=1,fade=t=out:st=%.2f:d=1.5,format=yuv420p" % (FRAMES_A_SECOND, film["seconds"] - 1.5))
    subprocess.run(["nice", "-n", "10", "ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", "frames.txt", "-i", "music.wav", "-vf", picture,
                    "-t", "%.2f" % film["seconds"], "-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-c:a", "aac", "-b:a", "112k",
                    "-movflags", "+faststart", os.path.abspath(out)], cwd=folder, check=True)
    return film["seconds"]
