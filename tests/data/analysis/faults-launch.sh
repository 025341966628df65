#!/bin/bash
# Three models, one after the other, on the readings of the pumps.
for model in PatchTST DLinear; do
  python -u forecast_or_alarm.py --task anomaly_detection --model $model --seq_len 96 --pred_len 24 \
    --batch_size 64 --train_epochs 10
done
