#!/bin/sh
# Makes blobs.mp4, the clip of the golden tests: three bright discs on a dark, noisy ground, 8 s at 10 frames/s. Two cross
# each other's way; one comes, stands, and leaves. The clip is checked in because encoders differ from version to version;
# decoders do not.
set -eu
disc() { # radius: a white disc on a transparent ground
    echo "color=c=white:s=$(($1 * 2))x$(($1 * 2)):r=10:d=8,format=yuva420p,geq=lum=235:cb=128:cr=128:a='if(lte(hypot(X-$1,Y-$1),$1),255,0)'"
}
ffmpeg -nostdin -loglevel error -y \
    -f lavfi -i "color=c=0x202020:s=320x180:r=10:d=8,noise=alls=6:allf=t:all_seed=7" \
    -f lavfi -i "$(disc 14)" -f lavfi -i "$(disc 12)" -f lavfi -i "$(disc 10)" \
    -filter_complex "[0][1]overlay=x='-28+45*t':y='60-14+6*sin(t)'[a];
                     [a][2]overlay=x='320-45*t':y='95-12'[b];
                     [b][3]overlay=x='200+20*min(t,3)-20*max(t-5,0)':y='180-50*min(t,1.2)+50*max(t-6.5,0)'[c]" \
    -map "[c]" -t 8 -c:v libx264 -profile:v main -preset medium -crf 30 -bf 2 -g 20 -pix_fmt yuv420p -map_metadata -1 -fflags +bitexact blobs.mp4
