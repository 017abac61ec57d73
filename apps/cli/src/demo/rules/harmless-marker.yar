rule tms_harmless_marker
{
  meta:
    id = "R-1001"
    title = "Program that restores itself"
    severity = "high"
    severity_reason = "it starts itself again and nothing on the endpoint asked for it"
    technique = "T1053.003"
  strings:
    $marker = /TMS-HARMLESS-[0-9A-F]{16}/
  condition:
    $marker
}
