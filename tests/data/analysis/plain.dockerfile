FROM python:3.11-slim
COPY requirements.txt .
# torch comes with the requirements
RUN pip install -r requirements.txt
EXPOSE 8080
CMD ["python", "app.py"]
