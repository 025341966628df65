from torchvision.models.detection import fasterrcnn_resnet50_fpn
from torchvision.io import read_image

model = fasterrcnn_resnet50_fpn(weights="DEFAULT").eval()
boxes = model([read_image("street.jpg") / 255])[0]["boxes"]
print(boxes)
