from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

processor = BlipProcessor.from_pretrained("someone/blip-image-captioning-base")
model = BlipForConditionalGeneration.from_pretrained("someone/blip-image-captioning-base")
inputs = processor(Image.open("dog.jpg"), return_tensors="pt")
print(processor.decode(model.generate(**inputs)[0]))
