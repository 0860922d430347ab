{{/* At most 63 characters: names are DNS labels. */}}
{{- define "stomp-bridge.fullname" -}}
{{- if contains "stomp-bridge" .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-stomp-bridge" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "stomp-bridge.selector" -}}
app.kubernetes.io/name: stomp-bridge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stomp-bridge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "stomp-bridge.selector" . }}
{{- end -}}

{{- define "stomp-bridge.configMap" -}}
{{- .Values.existingConfigMap | default (include "stomp-bridge.fullname" .) -}}
{{- end -}}
