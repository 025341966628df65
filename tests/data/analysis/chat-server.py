# SPDX-License-Identifier: Apache-2.0
import gradio as gr
from transformers import pipeline

chat = pipeline("text-generation", model="someone/mistral-7b-instruct")
gr.Interface(lambda text: chat(text), "text", "text").launch()
