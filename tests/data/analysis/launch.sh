#!/bin/bash
#SBATCH --gres=gpu:a100:4
export BATCH_SIZE=16
torchrun --nproc_per_node=4 train_segmentation.py \
    --epochs 30 --lr=0.01 \
    --data-path /data/cityscapes
